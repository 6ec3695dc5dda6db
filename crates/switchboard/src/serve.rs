//! `switchboard serve`: the life of a node, from first to last.

pub(crate) mod connect;
mod figures;
mod forwarding;
mod judging;
pub(crate) mod jwks;
mod keeper;
mod origins;
mod parts;
mod proxies;
mod reload;
mod renewal;
pub(crate) mod signals;
mod traces;
mod welcome;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use switchboard_api::admin::{self, Admin};
use switchboard_api::health::{Health, Lifecycle, Phase};
use switchboard_api::playground::{self, DevelopmentTokens};
use switchboard_api::rest::{self, Rest};
use switchboard_config::{Environment, Loaded, Settings};
use switchboard_forward::Route;
use switchboard_gateway::{Gateway, SocketService};
use switchboard_messaging::auth::{ApiKeys, Authenticator};
use switchboard_messaging::draining::DrainWindow;
use switchboard_messaging::{Clock, Live, Messaging, SystemClock};
use switchboard_protocol::Dialect;
use switchboard_socketio::{Io, listen};
use switchboard_telemetry::{LogControl, Metrics};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::certificate::{self, Certificate};
use crate::cli::{self, ConfigFile};
use crate::commands::load;
use crate::dialects;
use crate::exit::{Done, Failure};
use crate::keys;

use forwarding::Place;
pub(crate) use forwarding::cluster_key;
use traces::Traces;

/// What a running node consists of.
struct Node {
    settings: Settings,
    messaging: Messaging,
    gateway: Gateway,
    place: Place,
    /// The time over which its clients are sent away.
    window: DrainWindow,
    lifecycle: Lifecycle,
    /// Owner of every task but the listeners', and the signal that ends them.
    tasks: TaskTracker,
    stop: CancellationToken,
    listeners: Listeners,
    traces: Traces,
}

/// Owner of the listeners' tasks, and the signal that makes them take no more.
#[derive(Default)]
struct Listeners {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Listeners {
    fn serve(&self, tcp: TcpListener, routes: Router, options: listen::Options) {
        let serving = listen::serve(tcp, routes, options, self.stop.clone());
        self.tasks.spawn(serving);
    }
}

pub(crate) fn run(options: &ConfigFile) -> Done {
    let Loaded {
        settings, warnings, ..
    } = load(options.config.as_deref())?;
    let read = (dialects::read(&settings)?, certificate::read(&settings)?);
    let node_id = parts::node_id(&settings);
    let logs = start_logs(&settings, &node_id)?;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let metrics = switchboard_telemetry::install_metrics().context("metrics")?;
    switchboard_telemetry::set_build_info(env!("CARGO_PKG_VERSION"), cli::commit());
    let runtime = tokio::runtime::Runtime::new().context("no runtime")?;
    let served = runtime.block_on(async {
        let mut signals = signals::Signals::listen()?;
        let traces = Traces::start(&settings, &node_id)?;
        let starting = start((settings, read), node_id, (metrics, traces));
        let (node, welcome, mut reload) = tokio::select! {
            started = starting => started?,
            () = signals.end() => return Ok(()),
        };
        welcome.say()?;
        while signals.next().await == signals::Signal::Reload {
            reload.run(options.config.as_deref(), &logs);
        }
        tokio::select! {
            () = stop(node) => {}
            () = signals.end() => tracing::warn!("second signal: leaving at once"),
        }
        Ok(())
    });
    // What still runs by now has had its time.
    runtime.shutdown_timeout(Duration::from_millis(200));
    served
}

fn start_logs(settings: &Settings, node_id: &str) -> Result<LogControl, Failure> {
    let format = match settings.telemetry.log_format {
        switchboard_config::LogFormat::Text => switchboard_telemetry::LogFormat::Text,
        switchboard_config::LogFormat::Json => switchboard_telemetry::LogFormat::Json,
    };
    let level = settings.telemetry.log_level.as_str();
    Ok(switchboard_telemetry::init_logs(format, level, node_id).context("logs")?)
}

/// What was read from files that the configuration names.
type ReadFiles = (Vec<Dialect>, Option<(certificate::Files, Certificate)>);

/// Starts a node, in the order in which its parts need each other. It is ready when this returns.
async fn start(
    (settings, (dialects, certificate)): (Settings, ReadFiles),
    node_id: String,
    (metrics, traces): (Metrics, Traces),
) -> Result<(Node, welcome::Welcome, reload::Reload), Failure> {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let route = Route::of_random(rand::random());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);

    // 1. Addresses, so that a taken one is known before anything else happens.
    let public = bind("http.listen", settings.http.listen).await?;
    let admin = bind("admin.listen", settings.admin.listen).await?;

    // 2. What the node stands on.
    let store = connect::store(&settings).await?;
    let (hub, inbound) = connect::hub(&settings, &node_id, &clock).await?;

    // 3. The use cases, and the door to them.
    let secret = keys::signing_key(&settings)?;
    let below = (store, hub, traces.tracer.clone());
    let messaging = parts::messaging(&settings, below, &clock, (&tasks, &stop));
    let judge = judging::judge(&settings, secret.as_ref(), &messaging, (&tasks, &stop)).await?;
    let gateway = Gateway::new(
        parts::gateway_options(&settings, &node_id, route, dialects),
        switchboard_gateway::Parts {
            messaging: messaging.clone(),
            authenticator: judge.authenticator.clone(),
            inbound,
            tasks: tasks.clone(),
            stop: stop.clone(),
        },
    );

    // 4. The node's place among the others, before it has sockets that they could ask about.
    let (lifecycle, listeners) = (Lifecycle::default(), Listeners::default());
    let health = parts::health(&settings, &node_id, &messaging, &lifecycle);
    let place = Place::new(&settings, (route, &admin), &messaging, &listeners);
    let known = (&messaging, &place);
    let keeper = keeper::Keeper::new(health.clone(), known, gateway.io(), metrics.clone());
    keeper.start((&tasks, &stop)).await;

    // 5. The listeners: probes first, then the public.
    let origins = Live::new(origins::Origins::new(&settings));
    let signer = keys::signer(&settings, secret.as_ref()).map(Arc::new);
    let welcome = welcome::Welcome::new(&settings, signer.as_deref(), clock.now(), &public);
    let api_keys = Live::new(keys::api_keys(&settings));
    let rest = (messaging.clone(), judge.authenticator, api_keys.clone());
    let doors = doors(&settings, place.around(gateway.service()), rest, &origins);
    let routes = public_routes(&settings, doors, signer, &clock);
    let shown = Live::new(settings.render_show());
    let admin_routes = admin_routes(health, (metrics, gateway.io()), shown.clone())
        .merge(place.entrance(gateway.service()));
    let renewal = renewal::start(certificate, &clock, (&tasks, &stop));
    listeners.serve(admin, admin_routes, listen::Options::default());
    let options = parts::listen_options(&settings, renewal.as_deref());
    listeners.serve(public, routes, options);
    lifecycle.enter(Phase::Ready);
    tracing::info!(node = node_id, "ready");

    let live = (judge.live, api_keys, origins, shown, renewal);
    let reload = reload::Reload::new(&settings, &messaging, live, secret);
    let node = Node {
        window: parts::drain_window(&settings, &node_id, &messaging),
        settings,
        messaging,
        gateway,
        place,
        lifecycle,
        tasks,
        stop,
        listeners,
        traces,
    };
    Ok((node, welcome, reload))
}

/// Where clients and back ends come in.
fn doors(
    settings: &Settings,
    sockets: impl SocketService,
    (messaging, authenticator, api_keys): (Messaging, Authenticator, Live<ApiKeys>),
    origins: &Live<origins::Origins>,
) -> Router {
    let rest = Rest {
        messaging,
        authenticator,
        api_keys,
    };
    let sockets = proxies::Proxies::new(settings).around(sockets);
    let api = rest::router(rest, settings.http.api_prefix.as_str());
    origins::guard(sockets, origins).merge(origins::share(api, origins))
}

/// Stops a node, in the order in which nobody loses anything.
async fn stop(node: Node) {
    let Node {
        settings,
        messaging,
        gateway,
        place,
        window,
        lifecycle,
        tasks,
        stop,
        listeners,
        traces,
    } = node;
    let grace = settings.shutdown.grace;
    // 1. Balancers send nobody new.
    lifecycle.enter(Phase::Draining);
    tracing::info!("draining");
    // 2. Calls in flight are answered, and sockets closed so that they come back elsewhere.
    let own = gateway.drain(&window, settings.shutdown.drain);
    tokio::join!(own, place.drain(&window));
    // 3. No more requests; those under way finish.
    listeners.stop.cancel();
    listeners.tasks.close();
    let listening = tokio::time::timeout(grace, listeners.tasks.wait());
    if listening.await.is_err() {
        tracing::warn!("requests were still under way at the end of the grace");
    }
    // 4. The node's own tasks end.
    stop.cancel();
    tasks.close();
    if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
        tracing::warn!("tasks were still running at the end of the grace");
    }
    // 5. The others need not wait for the lease: they look after whoever this node leaves behind.
    if let Err(error) = messaging.hub.leave().await {
        tracing::warn!(cause = error.0, "lease not given back");
    }
    messaging.hub.close().await;
    messaging.store.close().await;
    // 6. Nobody makes traces any more.
    traces.end().await;
    tracing::info!("stopped");
}

async fn bind(key: &str, address: std::net::SocketAddr) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    Ok(bound.with_context(|| format!("{key}: cannot listen on {address}"))?)
}

fn public_routes(
    settings: &Settings,
    doors: Router,
    signer: Option<Arc<switchboard_messaging::auth::Signer>>,
    clock: &Arc<dyn Clock>,
) -> Router {
    if settings.general.environment != Environment::Development {
        return doors.fallback(rest::no_such_path);
    }
    let tokens = signer.map(|signer| DevelopmentTokens {
        signer,
        clock: Arc::clone(clock),
    });
    doors.merge(playground::router(tokens))
}

fn admin_routes(health: Health, (metrics, io): (Metrics, Io), shown: Live<String>) -> Router {
    let asked = health.clone();
    let render = move || {
        // Sockets and dependencies come and go between the keeper's rounds.
        keeper::measure_sockets(&io);
        keeper::measure_dependencies(&asked);
        metrics.render()
    };
    admin::router(Admin {
        health,
        metrics: (
            Arc::new(render),
            switchboard_telemetry::METRICS_CONTENT_TYPE,
        ),
        configuration: Arc::new(move || shown.get().as_ref().clone()),
    })
}
