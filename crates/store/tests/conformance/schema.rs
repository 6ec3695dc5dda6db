//! Migrations.

use switchboard_store::{SchemaState, migrate, pending, schema_state};

use crate::on_both_databases;
use crate::world::World;

on_both_databases!(
    a_migrated_database_fits,
    migrating_again_does_nothing,
    a_fresh_database_has_everything_pending,
    a_newer_database_names_what_is_unknown,
    a_database_from_which_something_was_taken_away_is_too_new,
    migrating_at_once_is_safe,
);

/// An empty database beside the world's.
async fn fresh(world: &World) -> String {
    if world.is_postgres() {
        switchboard_testkit::postgres::fresh_database().await.url
    } else {
        format!("{}.fresh", world.url)
    }
}

async fn a_migrated_database_fits(world: World) {
    assert_eq!(schema_state(&world.url).await.unwrap(), SchemaState::Fits);
    assert_eq!(pending(&world.url).await.unwrap(), [""; 0]);
}

async fn migrating_again_does_nothing(world: World) {
    assert_eq!(migrate(&world.url).await.unwrap(), [""; 0]);
}

/// The names of the files, which both folders have in common.
fn all_migrations() -> Vec<String> {
    let of = |folder: &str| {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/");
        let files = std::fs::read_dir(format!("{root}{folder}")).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.map(|name| name.replace(".sql", "")).collect();
        names.sort();
        names
    };
    let names = of("postgres");
    assert_eq!(names, of("sqlite"));
    names
}

async fn a_fresh_database_has_everything_pending(world: World) {
    let url = fresh(&world).await;
    let names = all_migrations();
    assert_eq!(pending(&url).await.unwrap(), names);
    let state = schema_state(&url).await.unwrap();
    assert_eq!(state, SchemaState::Pending(names.clone()));
    // Looking has changed nothing.
    assert_eq!(migrate(&url).await.unwrap(), names);
    assert_eq!(schema_state(&url).await.unwrap(), SchemaState::Fits);
}

async fn a_newer_database_names_what_is_unknown(world: World) {
    world
        .sql(
            "insert into _sqlx_migrations \
             (version, description, success, checksum, execution_time) \
             select 9999, 'from the future', success, checksum, 0 from _sqlx_migrations \
             where version = 1",
        )
        .await;
    let newer = SchemaState::Newer(vec!["9999_from_the_future".to_owned()]);
    assert_eq!(schema_state(&world.url).await.unwrap(), newer);
    // The way back from an upgrade begins with it.
    assert_eq!(migrate(&world.url).await.unwrap(), [] as [String; 0]);
    assert_eq!(schema_state(&world.url).await.unwrap(), newer);
}

async fn a_database_from_which_something_was_taken_away_is_too_new(world: World) {
    world
        .sql(
            "insert into _sqlx_migrations \
             (version, description, success, checksum, execution_time) \
             select v.version, v.description, m.success, m.checksum, 0 from _sqlx_migrations m \
             cross join (select 9998 as version, 'contracts' as description \
             union all select 9999, 'contract the past') v where m.version = 1",
        )
        .await;
    // Not one that only sounds like it.
    let too_new = SchemaState::TooNew(vec!["9999_contract_the_past".to_owned()]);
    assert_eq!(schema_state(&world.url).await.unwrap(), too_new);
    assert_eq!(migrate(&world.url).await.unwrap(), [] as [String; 0]);
}

async fn migrating_at_once_is_safe(world: World) {
    let url = fresh(&world).await;
    let (left, right) = tokio::join!(migrate(&url), migrate(&url));
    if world.is_postgres() {
        left.unwrap();
        right.unwrap();
    }
    assert_eq!(schema_state(&url).await.unwrap(), SchemaState::Fits);
}

#[tokio::test]
async fn an_unknown_scheme_is_refused_without_showing_the_url() {
    for url in [
        "mysql://me:hunter2@host/db",
        "hunter2",
        "postgres://me:hunter2@host:port/db",
    ] {
        let error = pending(url).await.unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |folder: &str| {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/");
        let files = std::fs::read_dir(format!("{root}{folder}")).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("postgres"), names("sqlite"));
}
