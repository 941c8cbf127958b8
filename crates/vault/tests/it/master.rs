//! The master key and its file.

use std::collections::HashSet;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use iron_primitives::InstanceId;
use iron_testkit::TestEnvironment;
use iron_vault::{Error, MasterKey, Purpose};

use crate::tenant;

fn fingerprint(key: &MasterKey) -> [u8; 32] {
    *key.derive(Purpose::Fingerprint).unwrap()
}

#[test]
fn the_key_is_made_once_and_is_nobody_elses_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("master.key");
    let first = MasterKey::load_or_create(&path, &TestEnvironment::seeded(1).environment).unwrap();
    let again = MasterKey::load_or_create(&path, &TestEnvironment::seeded(2).environment).unwrap();
    assert_eq!(fingerprint(&first), fingerprint(&again));
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(
        std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1,
        "no draft is left"
    );
}

#[test]
fn processes_that_start_at_once_end_up_with_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let keys: HashSet<[u8; 32]> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|seed| {
                let path = &path;
                scope.spawn(move || {
                    let world = TestEnvironment::seeded(seed);
                    fingerprint(&MasterKey::load_or_create(path, &world.environment).unwrap())
                })
            })
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    assert_eq!(keys.len(), 1);
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let world = TestEnvironment::new();
    MasterKey::load_or_create(&path, &world.environment).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let outcome = MasterKey::load_or_create(&path, &world.environment);
    assert!(
        matches!(outcome, Err(Error::OpenToOthers { .. })),
        "{outcome:?}"
    );
}

#[test]
fn anything_but_64_hexadecimal_digits_is_refused() {
    let good = "0f".repeat(32);
    assert!(MasterKey::from_hex(&format!(" {good}\n")).is_ok());
    for bad in [
        "",
        "0f",
        &good[..63],
        &format!("{good}0f"),
        &"xy".repeat(32),
    ] {
        assert!(
            matches!(MasterKey::from_hex(bad), Err(Error::Malformed)),
            "{bad}"
        );
    }
}

#[test]
fn no_two_purposes_share_a_key() {
    let master = MasterKey::from_bytes([3; 32]);
    let world = TestEnvironment::new();
    let (a, b): (InstanceId, InstanceId) = (world.environment.new_id(), world.environment.new_id());
    let purposes = [
        Purpose::JournalEncryption(a),
        Purpose::JournalEncryption(b),
        Purpose::JournalMac(a),
        Purpose::JournalSigning(a),
        Purpose::Sessions,
        Purpose::TenantHash(tenant(1)),
        Purpose::TenantHash(tenant(2)),
        Purpose::ResponseIds,
        Purpose::Wrapping,
        Purpose::Fingerprint,
    ];
    let keys: HashSet<[u8; 32]> = purposes
        .iter()
        .map(|p| *master.derive(*p).unwrap())
        .collect();
    assert_eq!(keys.len(), purposes.len());
    assert_ne!(
        fingerprint(&master),
        fingerprint(&MasterKey::from_bytes([4; 32]))
    );
}
