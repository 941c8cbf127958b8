//! The worlds that are looked at: each is small, and rich in one kind of trouble.

use crate::protocol::{Variant, World};
use crate::state::Left;

const CALM: Left = Left {
    kills: 0,
    cuts: 0,
    expiries: 0,
    takeovers: 0,
    lowerings: 0,
    breaches: 0,
    returns: 0,
    retirements: 0,
};

/// Two nodes that spend one budget.
const PAIR: World = World {
    name: "",
    limits: Vec::new(),
    paths: Vec::new(),
    bound: 2,
    want: 2,
    ahead: 2,
    unsent: false,
    calls: 2,
    leases: 3,
    wire: 1,
    hours: 0,
    left: CALM,
    variant: None,
};

fn pair(name: &'static str, left: Left) -> World {
    World {
        name,
        limits: vec![3],
        paths: vec![vec![0]; 2],
        left,
        ..PAIR
    }
}

/// Worlds of two nodes, to be looked through to their end.
pub(crate) fn pairs(full: bool) -> Vec<World> {
    let more = u8::from(full);
    let mut worlds = vec![
        World {
            wire: 2,
            leases: 2,
            ..pair("exchanges lost, doubled, reordered", CALM)
        },
        pair(
            "leases ended, money returned",
            Left {
                returns: 1,
                retirements: 1,
                ..CALM
            },
        ),
        pair(
            "expiry at any time, late accounts",
            Left {
                expiries: 1,
                retirements: more,
                ..CALM
            },
        ),
        World {
            hours: 1,
            leases: 2,
            ..pair(
                "deadlines on clocks that run apart",
                Left {
                    expiries: more,
                    ..CALM
                },
            )
        },
        pair(
            "another process takes over",
            Left {
                takeovers: 1,
                kills: more,
                ..CALM
            },
        ),
        pair("kill, replay, final account", Left { kills: 1, ..CALM }),
        pair("power cut", Left { cuts: 1, ..CALM }),
        pair(
            "limit lowered, more billed than held, kill",
            Left {
                lowerings: 1,
                breaches: 1,
                kills: 1,
                ..CALM
            },
        ),
        World {
            limits: vec![2, 3, 3],
            paths: vec![vec![0, 2], vec![1, 2]],
            leases: 4,
            ..pair("two agents of one tenant, kill", Left { kills: 1, ..CALM })
        },
    ];
    if full {
        worlds.extend(larger_pairs());
    }
    worlds
}

/// Those that take minutes.
fn larger_pairs() -> Vec<World> {
    vec![
        pair(
            "kill and expiry",
            Left {
                kills: 1,
                expiries: 1,
                ..CALM
            },
        ),
        World {
            unsent: true,
            ..pair("kill, calls given up unsent", Left { kills: 1, ..CALM })
        },
    ]
}

/// Worlds of three nodes, each with the depth to which it is looked at.
pub(crate) fn trios(full: bool) -> Vec<(World, usize)> {
    let trio = |name, left| World {
        paths: vec![vec![0]; 3],
        ..pair(name, left)
    };
    let deeper = if full { 2 } else { 0 };
    vec![
        (
            World {
                wire: 2,
                ..trio(
                    "three nodes: expiry, kill, takeover",
                    Left {
                        expiries: 1,
                        kills: 1,
                        takeovers: 1,
                        ..CALM
                    },
                )
            },
            11 + deeper,
        ),
        (
            trio(
                "three nodes: power cut, kill, returns",
                Left {
                    cuts: 1,
                    kills: 1,
                    returns: 1,
                    ..CALM
                },
            ),
            12 + deeper,
        ),
    ]
}

/// The shortcuts, each in the smallest world that has what it stumbles over.
pub(crate) fn variants() -> Vec<World> {
    let variant = |name, variant, left| World {
        limits: vec![4],
        want: 3,
        variant: Some(variant),
        ..pair(name, left)
    };
    let expiries = Left {
        expiries: 1,
        ..CALM
    };
    let kills = Left { kills: 1, ..CALM };
    let cuts = Left { cuts: 1, ..CALM };
    let returns = Left { returns: 1, ..CALM };
    vec![
        variant("refund at expiry", Variant::RefundAtExpiry, expiries),
        variant("release on crash", Variant::ReleaseOnCrash, kills),
        variant("settle to zero on hang-up", Variant::ZeroOnHangUp, CALM),
        variant("delta grant", Variant::DeltaGrant, CALM),
        variant("delta return", Variant::DeltaReturn, returns),
        variant("late deduction", Variant::LateDeduction, returns),
        variant(
            "takeover that frees",
            Variant::TakeoverFrees,
            Left {
                takeovers: 1,
                ..CALM
            },
        ),
        variant("no watermark", Variant::NoWatermark, cuts),
        variant("power cut taken for a kill", Variant::CutTakenForKill, cuts),
        variant(
            "sent before the reserve is written",
            Variant::SentUnwritten,
            kills,
        ),
        variant("slices", Variant::Slices, CALM),
        World {
            calls: 3,
            wire: 2,
            ..variant(
                "answers heard in any order",
                Variant::OldAnswers,
                Left {
                    retirements: 1,
                    ..CALM
                },
            )
        },
    ]
}
