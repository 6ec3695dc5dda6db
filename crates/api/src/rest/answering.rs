//! A request's way: who asks → may they now → what do they ask → was it done before → do it.

use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use switchboard_messaging::Caller;
use switchboard_messaging::requests::Turn;
use switchboard_messaging::store::Viewer;
use switchboard_protocol::fields::Fields;
use switchboard_protocol::{Detail, ErrorCode, ErrorObject, OrganizationId};
use uuid::Uuid;

use super::problem::Problem;
use super::{MAX_BODY, Rest};

/// The header by which a request may be repeated.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A request of a service that may be carried out.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) caller: Caller,
    /// Names the request: the same when it is repeated with the same `Idempotency-Key`.
    pub(crate) id: Uuid,
    body: Value,
}

impl Asked {
    /// Whom the service acts for.
    pub(crate) fn organization(&self) -> &OrganizationId {
        &self.caller.viewer().organization
    }

    /// Reads the body.
    pub(crate) fn read<T>(
        &self,
        decode: impl FnOnce(Fields<'_>) -> Result<T, Vec<Detail>>,
    ) -> Result<T, ErrorObject> {
        let fields = Fields::of(&self.body);
        fields.and_then(decode).map_err(ErrorObject::validation)
    }
}

/// An answer: its status and what it says.
pub(crate) type Answer = (StatusCode, Box<RawValue>);

/// An answer with a body.
pub(crate) fn says(status: StatusCode, body: &impl Serialize) -> Result<Answer, ErrorObject> {
    Ok((status, switchboard_messaging::publish::raw(body)?))
}

impl Rest {
    /// Answers a request of a service. `bucket` is what it takes a token from: of its own, or a client
    /// event's that does the same.
    pub(crate) async fn answer_service(
        &self,
        bucket: &'static str,
        request: Request,
        work: impl AsyncFnOnce(&Asked) -> Result<Answer, ErrorObject>,
    ) -> Response {
        let begun = Instant::now();
        let answered = self.try_answer(bucket, request, work).await;
        let outcome = match &answered {
            Ok(_) => "ok",
            Err(problem) => problem.error().code.as_str(),
        };
        let labels = [("request", bucket), ("outcome", outcome)];
        metrics::histogram!("switchboard_request_duration_seconds", &labels)
            .record(begun.elapsed().as_secs_f64());
        answered.unwrap_or_else(IntoResponse::into_response)
    }

    async fn try_answer(
        &self,
        bucket: &'static str,
        request: Request,
        work: impl AsyncFnOnce(&Asked) -> Result<Answer, ErrorObject>,
    ) -> Result<Response, Problem> {
        let (parts, body) = request.into_parts();
        let actor = self.service(&parts.headers).await?;
        let caller = actor.viewer.clone();
        // A request costs before it is looked at.
        self.admit(&caller, bucket).await?;
        let bytes = read(body).await?;
        let place = format!("{} {}\n", parts.method, parts.uri.path());
        let asked = [place.as_bytes(), &bytes].concat();
        let mut asked_once = Once::begin(self, &caller, &parts, &asked).await?;
        let id = match asked_once.turn.take() {
            Some(Turn::Repeat { status, body }) => return Ok(repeated(status, body)),
            Some(Turn::CarryOut(id)) => id,
            None => self.messaging.ids.next(),
        };
        let asked = json(&bytes).map(|body| Asked {
            caller: Caller {
                actor,
                socket: None,
                following: None,
            },
            id,
            body,
        });
        let result = match &asked {
            Ok(asked) => work(asked).await,
            Err(error) => Err(error.clone()),
        };
        let result = result.map(|(status, body)| (status, String::from(Box::<str>::from(body))));
        asked_once.end(self, &caller, id, &result).await;
        let (status, body) = result?;
        Ok(written(status, body))
    }

    async fn admit(&self, caller: &Viewer, bucket: &'static str) -> Result<(), Problem> {
        let rate = self.messaging.rates.get().of_requests(bucket);
        let admitted = self.messaging.admit_request(caller, bucket, rate).await;
        admitted.map_err(|error| Problem::from(error).with_rate(rate))
    }
}

/// What is known of a request by its key.
struct Once {
    key: Option<String>,
    turn: Option<Turn>,
}

impl Once {
    async fn begin(
        rest: &Rest,
        caller: &Viewer,
        parts: &Parts,
        asked: &[u8],
    ) -> Result<Self, ErrorObject> {
        // Asking for something may be repeated anyway.
        let key = parts.headers.get(IDEMPOTENCY_KEY);
        let Some(key) = key.filter(|_| parts.method == Method::POST) else {
            let (key, turn) = (None, None);
            return Ok(Self { key, turn });
        };
        // What is no text is no key either.
        let key = key.to_str().unwrap_or_default().to_owned();
        let turn = rest.messaging.begin_request(caller, &key, asked).await?;
        Ok(Self {
            key: Some(key),
            turn: Some(turn),
        })
    }

    async fn end(
        &self,
        rest: &Rest,
        caller: &Viewer,
        id: Uuid,
        result: &Result<(StatusCode, String), ErrorObject>,
    ) {
        if let Some(key) = &self.key {
            let result = result.as_ref();
            let result = result.map(|(status, body)| (status.as_u16(), body.as_str()));
            rest.messaging.end_request((caller, key, id), result).await;
        }
    }
}

async fn read(body: Body) -> Result<Bytes, ErrorObject> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ErrorObject::new(
            ErrorCode::PayloadTooLarge,
            format!("a body has at most {MAX_BODY} bytes"),
        )),
        // The connection broke: nobody hears of this.
        Err(_) => Err(ErrorObject::invalid("", "the body could not be read")),
    }
}

/// No body is an empty object.
fn json(bytes: &[u8]) -> Result<Value, ErrorObject> {
    if bytes.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let read = serde_json::from_slice(bytes);
    read.map_err(|error| ErrorObject::invalid("", format!("the body is not JSON: {error}")))
}

fn written(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}

fn repeated(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = written(status, body);
    let yes = HeaderValue::from_static("true");
    response.headers_mut().insert("idempotency-replayed", yes);
    response
}
