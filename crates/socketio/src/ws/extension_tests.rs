use super::extension::negotiate;

const ACCEPTED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

fn offer(value: &str) -> Option<&'static str> {
    negotiate([value].into_iter())
}

#[test]
fn accepts_what_browsers_and_node_offer() {
    for value in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate;client_max_window_bits=10",
        "permessage-deflate; client_max_window_bits = \"15\"",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        " permessage-deflate ; client_no_context_takeover ",
        "x-webkit-deflate-frame, permessage-deflate",
    ] {
        assert_eq!(offer(value), Some(ACCEPTED), "{value}");
    }
}

#[test]
fn names_the_full_window_if_the_offer_does() {
    for value in ["15", "\"15\""] {
        let value = format!("permessage-deflate; server_max_window_bits={value}");
        assert_eq!(
            offer(&value).unwrap(),
            format!("{ACCEPTED}; server_max_window_bits=15")
        );
    }
}

#[test]
fn declines_offers_that_are_illegal_or_cannot_be_met() {
    for parameters in [
        "server_max_window_bits",
        "server_max_window_bits=",
        "server_max_window_bits=8",
        "server_max_window_bits=14",
        "server_max_window_bits=16",
        "server_max_window_bits=015",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=08",
        "client_max_window_bits=",
        "client_max_window_bits=\"15",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "client_no_context_takeover; client_no_context_takeover",
        "client_max_window_bits; client_max_window_bits=15",
        "unknown",
        "mux=1",
        "",
    ] {
        let value = format!("permessage-deflate; {parameters}");
        assert_eq!(offer(&value), None, "{value}");
    }
    for value in ["", ",", "permessage-deflat", "x; permessage-deflate"] {
        assert_eq!(offer(value), None, "{value}");
    }
}

#[test]
fn tries_the_next_offer_if_one_is_declined() {
    let value = "permessage-deflate; server_max_window_bits=10, permessage-deflate";
    assert_eq!(offer(value), Some(ACCEPTED));
    let values = ["permessage-deflate; unknown", "x, permessage-deflate"];
    assert_eq!(negotiate(values.into_iter()), Some(ACCEPTED));
}

#[test]
fn finds_no_offer_inside_a_quoted_string() {
    for value in [
        "x; a=\"1, permessage-deflate, 2\"",
        "x; a=\"1\\\", permessage-deflate, 2\"",
        "x; a=\"1, permessage-deflate",
    ] {
        assert_eq!(offer(value), None, "{value}");
    }
}
