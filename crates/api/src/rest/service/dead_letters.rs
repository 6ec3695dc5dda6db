//! `GET /service/dead-letters` and `POST /service/dead-letters/{id}/retry`

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};
use switchboard_protocol::calls::{DEFAULT_LIMIT, MAX_LIMIT};
use switchboard_protocol::fields::{Fields, Id, Name, Number, Reader, Text};
use switchboard_protocol::{Detail, ErrorObject, UserId};

use crate::rest::Rest;
use crate::rest::answering::says;

/// Longest cursor, in characters.
const MAX_CURSOR: usize = 256;

#[derive(Debug)]
struct Page {
    user: Option<UserId>,
    cursor: Option<String>,
    limit: i64,
}

impl Page {
    fn decode(mut fields: Fields<'_>) -> Result<Self, Vec<Detail>> {
        let user = fields.optional(&["userId"], &Name::USER);
        let cursor = fields.optional(&["cursor"], &Text(MAX_CURSOR));
        let limit = fields.optional(&["limit"], &Number::between(1, MAX_LIMIT));
        fields.done(|| {
            Some(Self {
                user,
                cursor,
                limit: limit.unwrap_or(DEFAULT_LIMIT),
            })
        })
    }

    /// What a query says, as a payload would: a number is one there.
    fn of(query: Vec<(String, String)>) -> Result<Self, ErrorObject> {
        let value = |name: &str, text: String| match text.parse::<i64>() {
            Ok(number) if name == "limit" => json!(number),
            _ => Value::String(text),
        };
        let named = query.into_iter();
        let payload: Map<String, Value> = named
            .map(|(name, text)| (name.clone(), value(&name, text)))
            .collect();
        let payload = Value::Object(payload);
        let fields = Fields::of(&payload);
        fields
            .and_then(Self::decode)
            .map_err(ErrorObject::validation)
    }
}

/// Events that were sent too often in vain, the newest first.
#[utoipa::path(
    get,
    path = "/service/dead-letters",
    tag = "service",
    operation_id = "listDeadLetters",
    params(
        ("limit" = Option<i64>, Query, description = "1 to 100; 50 if it is not given"),
        ("cursor" = Option<String>, Query, description = "What the page before gave as nextCursor"),
        ("userId" = Option<String>, Query, description = "Only this user's"),
    ),
    responses(
        (status = 200, description = "A page", body = ref("#/components/schemas/DeadLetters")),
        (status = "default", description = "What went wrong",
            body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(rest): State<Rest>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    request: Request,
) -> Response {
    rest.answer_service("service:dead-letters", request, async |asked| {
        let Query(query) = query.map_err(|error| ErrorObject::invalid("", error.body_text()))?;
        let page = Page::of(query)?;
        let place = (page.cursor.as_deref(), page.limit);
        let organization = asked.organization();
        let letters = rest.messaging.dead_letters(organization, page.user, place);
        says(StatusCode::OK, &letters.await?)
    })
    .await
}

/// Puts a dead letter back into its user's queue, as if it had never been sent.
#[utoipa::path(
    post,
    path = "/service/dead-letters/{id}/retry",
    tag = "service",
    operation_id = "retryDeadLetter",
    params(("id" = String, Path, description = "The dead letter's")),
    responses(
        (status = 202, description = "It is in the queue"),
        (status = "default", description = "What went wrong",
            body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub(crate) async fn retry(
    State(rest): State<Rest>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    rest.answer_service("service:dead-letters", request, async |asked| {
        let read = Id::QUEUED.read(&Value::from(id.as_str()));
        let event = read.map_err(|_| ErrorObject::not_found("dead letter"))?;
        let organization = asked.organization();
        rest.messaging
            .retry_dead_letter(organization, event)
            .await?;
        says(StatusCode::ACCEPTED, &json!({"id": event}))
    })
    .await
}
