use serde_json::json;

use super::*;

const TEXT: Form = Form {
    protocol: Protocol::V5,
    msgpack: false,
    deflate: None,
};

fn text_of(packet: &Packet) -> String {
    packet.frames(TEXT)[0].packet_text().to_owned()
}

#[test]
fn writes_one_argument_and_names_the_namespace_unless_it_is_the_root() {
    let root = Packet::event("/", "hi", &json!({"a": [1]})).unwrap();
    assert_eq!(text_of(&root), r#"42["hi",{"a":[1]}]"#);
    let chat = Packet::event("/chat", "hi", &1).unwrap();
    assert_eq!(text_of(&chat), r#"42/chat,["hi",1]"#);
    assert_eq!(chat.size(), chat.as_json().len());
}

#[test]
fn spreads_a_sequence_over_the_arguments() {
    let packet = Packet::event_args("/", "hi", &(1, "two", [3])).unwrap();
    assert_eq!(packet.as_json(), r#"["hi",1,"two",[3]]"#);
    let none: [u8; 0] = [];
    let bare = Packet::event_args("/", "hi", &none).unwrap();
    assert_eq!(bare.as_json(), r#"["hi"]"#);
    assert!(matches!(
        Packet::event_args("/", "hi", &1),
        Err(PacketError::NotASequence)
    ));
}

#[test]
fn sends_attachments_after_the_packet_and_at_most_ten() {
    let bytes = Bytes::from_static(&[1, 2]);
    let packet =
        Packet::event_with_attachments("/", "file", &[attachment(0)], vec![bytes.clone()]).unwrap();
    let frames = packet.frames(TEXT);
    assert_eq!(
        frames[0].packet_text(),
        r#"451-["file",{"_placeholder":true,"num":0}]"#
    );
    assert_eq!(frames[1].packet(), [1, 2]);
    let v3 = packet.frames(Form {
        protocol: Protocol::V4,
        ..TEXT
    });
    assert_eq!(v3[1].packet(), [4, 1, 2]);

    let many = |count| {
        let args: Vec<Value> = (0..count).map(attachment).collect();
        Packet::event_with_attachments("/", "file", &args, vec![bytes.clone(); count])
    };
    assert!(many(10).is_ok());
    assert!(matches!(many(11), Err(PacketError::TooManyAttachments)));
}

#[test]
fn appends_an_offset_as_last_argument() {
    let packet = Packet::event("/", "hi", &1).unwrap().with_offset("7-1");
    assert_eq!(packet.as_json(), r#"["hi",1,"7-1"]"#);
    assert_eq!(packet.for_recoverable().as_json(), packet.as_json());
}

#[test]
fn keeps_recoverable_clients_from_taking_a_text_for_an_offset() {
    let text = Packet::event("/", "say", &"hello").unwrap();
    assert_eq!(text.for_recoverable().as_json(), r#"["say","hello",null]"#);
    let bare = Packet::event_args("/", "beep", &Vec::<u8>::new()).unwrap();
    assert_eq!(bare.for_recoverable().as_json(), r#"["beep",null]"#);
    let object = Packet::event("/", "say", &json!({"a": "b"})).unwrap();
    assert_eq!(object.for_recoverable().as_json(), object.as_json());
}

#[test]
fn encodes_each_form_once() {
    let packet = Packet::event("/", "hi", &"x".repeat(4000)).unwrap();
    let forms = [
        TEXT,
        Form {
            msgpack: true,
            ..TEXT
        },
        Form {
            deflate: Some(1024),
            ..TEXT
        },
    ];
    for form in forms {
        let first = packet.clone().frames(form)[0].wire().as_ptr();
        assert_eq!(packet.frames(form)[0].wire().as_ptr(), first, "{form:?}");
    }
    assert!(packet.frames(forms[2])[0].len() < 200);
    let small = Packet::event("/", "hi", &1).unwrap();
    assert_eq!(
        small.frames(forms[2])[0].packet_text(),
        r#"42["hi",1]"#,
        "below the threshold nothing is compressed"
    );
}

#[test]
fn keeps_the_content_out_of_debug_output() {
    let packet = Packet::event("/", "hi", &"secret").unwrap();
    assert!(!format!("{packet:?}").contains("secret"));
}
