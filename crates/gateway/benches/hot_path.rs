//! How long the pieces of a message's way through a node take.

mod pieces;

use criterion::{Criterion, criterion_group, criterion_main};

fn hot_path(criterion: &mut Criterion) {
    for name in pieces::PIECES {
        let Some(mut piece) = pieces::piece(name) else {
            continue;
        };
        criterion.bench_function(name, |bencher| bencher.iter(&mut piece));
    }
}

criterion_group!(benches, hot_path);
criterion_main!(benches);
