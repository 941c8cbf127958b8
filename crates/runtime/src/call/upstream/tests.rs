use super::*;
use crate::room::Room;

const KIB: usize = 1024;

/// An answer of so many pieces, whose length is announced or not.
fn answer(pieces: usize, bytes: usize, announced: bool) -> Upstream {
    let mut headers = HeaderMap::new();
    if announced {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(pieces * bytes));
    }
    let frames: Vec<_> = (0..pieces)
        .map(|_| simulated::Frame {
            bytes: vec![b'x'; bytes].into(),
            delay_ms: 0,
        })
        .collect();
    Upstream::Played(Played {
        status: StatusCode::OK,
        headers,
        frames: frames.into_iter(),
        cut: false,
    })
}

#[tokio::test]
async fn an_answer_of_many_pieces_is_collected_within_its_limit_and_the_room() {
    let limit_bytes = 400 * KIB;
    for announced in [true, false] {
        for (pieces, bytes, room) in [(1, 400, 340), (400, 1, 340), (7, 50, 340), (300, 1, 236)] {
            let room = Room::new(room * KIB);
            let mut share = room.share();
            let mut upstream = answer(pieces, bytes * KIB, announced);
            let body = upstream.collect(limit_bytes, &mut share).await;
            assert_eq!(body.map(|body| body.len()), Ok(pieces * bytes * KIB));
        }
        for (pieces, bytes, room) in [(401, 1, 900), (1, 401, 900), (300, 1, 235), (1, 300, 9)] {
            let room = Room::new(room * KIB);
            let mut share = room.share();
            let mut upstream = answer(pieces, bytes * KIB, announced);
            let refused = upstream.collect(limit_bytes, &mut share).await;
            assert!(
                matches!(refused, Err(BodyError::TooLarge { .. })),
                "{pieces} of {bytes} KiB"
            );
        }
    }
}

#[tokio::test]
async fn a_buffer_is_counted_by_its_size() {
    let room = Room::new(460 * KIB);
    let mut share = room.share();
    let mut upstream = answer(260, KIB, false);
    let body = upstream.collect(800 * KIB, &mut share).await;
    let kept = share.keep(body.expect("there is room"));
    assert_eq!(kept.len(), 260 * KIB);
    // Its buffer has grown from 2 KiB to 512, of which 64 are free.
    assert!(!room.share().covers((64 + 13) * KIB));
    assert!(room.share().covers((64 + 12) * KIB));
    drop(kept);
    assert!(room.share().covers((64 + 460) * KIB));
}

#[test]
fn what_is_said_to_openai_is_said_to_nobody_else() {
    let said = [
        "openai-beta",
        "openai-organization",
        "openai-project",
        "x-other",
    ];
    let heard_by = |kind| {
        let mut headers = HeaderMap::new();
        for name in said {
            headers.insert(name, HeaderValue::from_static("1"));
        }
        keep_to_openai(&mut headers, kind);
        headers.len()
    };
    assert_eq!(heard_by(ProviderKind::OpenAi), 4);
    assert_eq!(heard_by(ProviderKind::AzureOpenAi), 4);
    for kind in [
        ProviderKind::Anthropic,
        ProviderKind::Together,
        ProviderKind::Google,
    ] {
        assert_eq!(heard_by(kind), 1, "{kind:?}");
    }
}
