//! The OpenAPI document: paths from the handlers that serve them, schemas from the decoders that read
//! bodies and the types that answers are written from.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use switchboard_protocol::fields::Fields;
use switchboard_protocol::service::{
    DeadLetters, DisconnectUser, PostEvent, PostMessage, PostedEvent, PostedMessage, RevokeTokens,
    ServiceStats,
};
use utoipa::openapi::OpenApi;

use super::problem::ProblemDetails;

/// The document of these paths, which are below `prefix`.
pub(crate) fn document(paths: OpenApi, prefix: &str) -> Value {
    let mut document = serde_json::to_value(paths).unwrap_or_default();
    let text = "What programs may ask of the gateway. Errors are problem details (RFC 9457) whose \
                `code` is one of the closed table that sockets have, too.";
    let info = json!({
        "title": "Switchboard", "version": env!("CARGO_PKG_VERSION"), "description": text,
        "license": {"name": "Apache-2.0 OR MIT"},
    });
    let url = if prefix.is_empty() { "/" } else { prefix };
    if let Value::Object(document) = &mut document {
        document.insert("info".to_owned(), info);
        document.insert("servers".to_owned(), json!([{"url": url}]));
        document.insert("components".to_owned(), components());
        let either = json!([{"token": []}, {"apiKey": []}]);
        document.insert("security".to_owned(), either);
    }
    document
}

fn components() -> Value {
    let token = "A JWT with the role `service`; API keys are taken here, too.";
    json!({
        "schemas": schemas(),
        "securitySchemes": {
            "token": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": token
            },
            "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        },
    })
}

fn schemas() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    generator.subschema_for::<ProblemDetails>();
    generator.subschema_for::<PostedEvent>();
    generator.subschema_for::<PostedMessage>();
    generator.subschema_for::<DeadLetters>();
    generator.subschema_for::<ServiceStats>();
    let mut schemas = generator.take_definitions(true);
    let bodies = [
        ("PostEvent", Fields::describe(PostEvent::decode)),
        ("PostMessage", Fields::describe(PostMessage::decode)),
        ("RevokeTokens", Fields::describe(RevokeTokens::decode)),
        ("DisconnectUser", Fields::describe(DisconnectUser::decode)),
    ];
    for (name, shape) in bodies {
        schemas.insert(name.to_owned(), shape.schema().to_value());
    }
    schemas
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use utoipa_axum::router::OpenApiRouter;

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(to)) = object.get("$ref") {
                    found.insert(to.clone());
                }
                object.values().for_each(|inner| references(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
            _ => {}
        }
    }

    #[test]
    fn everything_that_the_document_refers_to_is_in_it() {
        let routes = OpenApiRouter::new().merge(super::super::service::routes());
        let document = document(routes.split_for_parts().1, "/api/v1");
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        assert_eq!(document["servers"][0]["url"], "/api/v1");
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(
            found.contains("#/components/schemas/PostEvent"),
            "{found:?}"
        );
        for to in found {
            let place = to.strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some(), "{to}");
        }
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for (name, schema) in schemas {
            let mut alone = schema.clone();
            alone["components"] = document["components"].clone();
            assert!(jsonschema::meta::is_valid(&alone), "{name}");
        }
    }

    #[test]
    fn every_operation_says_what_it_does_and_how_it_fails() {
        let routes = OpenApiRouter::new().merge(super::super::service::routes());
        let document = document(routes.split_for_parts().1, "");
        let mut ids = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let summary = operation["summary"].as_str().unwrap_or_default();
                assert!(!summary.is_empty(), "{method} {path}");
                let failure = &operation["responses"]["default"];
                assert!(failure.is_object(), "{method} {path}");
                assert!(ids.insert(operation["operationId"].to_string()), "{path}");
            }
        }
    }
}
