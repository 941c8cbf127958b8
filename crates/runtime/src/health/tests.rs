use std::time::Duration;

use iron_net::breaker::BreakerPolicy;
use iron_testkit::TestEnvironment;

use super::*;

const POLICY: BreakerPolicy = BreakerPolicy {
    failures: 3,
    rate: None,
    open_for: Duration::from_secs(10),
    longest: Duration::from_secs(100),
    probes: 1,
};

fn at(seconds: u64) -> BootInstant {
    BootInstant::from_nanos(seconds * 1_000_000_000)
}

struct House {
    health: Health,
    place: Place,
    gauge: Gauge,
}

impl House {
    fn new() -> Self {
        let environment = TestEnvironment::new().environment;
        House {
            health: Health::default(),
            place: (environment.new_id(), environment.new_id()),
            gauge: Gauge::default(),
        }
    }

    fn peer(&self, model: &str, now: BootInstant) -> Arc<Peer> {
        let gauge = || self.gauge.clone();
        self.health.peer(self.place, &model.into(), now, gauge)
    }

    fn tell(&self, verdict: Verdict, now: BootInstant) -> Option<Circuit> {
        let peer = self.peer("m", now);
        let mut permit = peer.admit(now).ok()?;
        permit.tell(verdict, POLICY, now)
    }
}

#[test]
fn what_is_told_of_a_provider_is_what_was_seen_of_it() {
    let house = House::new();
    for millis in 1..=100 {
        house.tell(Verdict::Well(Some(Duration::from_millis(millis))), at(1));
    }
    assert_eq!(house.tell(Verdict::Down, at(2)), None);
    house.tell(Verdict::Down, at(2));
    assert_eq!(house.tell(Verdict::Down, at(2)), Some(Circuit::Open));
    assert_eq!(house.gauge.get(), 1);
    let views = house.health.of(house.place, at(6));
    let [view] = &views[..] else {
        panic!("one model: {views:?}")
    };
    assert_eq!((&*view.model, view.circuit), ("m", Circuit::Open));
    assert_eq!(view.p95, Some(Duration::from_millis(95)));
    assert_eq!((view.lately.good, view.lately.bad), (100, 3));
    assert_eq!(view.open_for, Some(Duration::from_secs(4)));
    assert_eq!(view.reopens_in, Some(Duration::from_secs(6)));
    let wait = Duration::from_millis(1);
    assert_eq!(
        house.tell(Verdict::Well(Some(wait)), at(12)),
        Some(Circuit::Closed)
    );
    let view = house.health.of(house.place, at(21)).remove(0);
    assert_eq!(
        (view.known_for, view.down_for),
        (Duration::from_secs(20), Duration::from_secs(10))
    );
    assert_eq!(house.gauge.get(), 0);
}

#[test]
fn who_asks_to_be_left_alone_or_often_fails_goes_behind_for_a_while() {
    let house = House::new();
    let standing = |seconds| house.peer("m", at(seconds)).standing(at(seconds));
    house.tell(Verdict::Busy(Duration::from_secs(5)), at(0));
    house.tell(Verdict::Busy(Duration::ZERO), at(1));
    assert_eq!(
        (standing(4), standing(5)),
        (Preference::Paused, Preference::Good)
    );
    for _ in 0..3 {
        house.tell(Verdict::Well(None), at(10));
        house.tell(Verdict::Well(None), at(10));
        house.tell(Verdict::Down, at(10));
    }
    assert_eq!(standing(10), Preference::Poor);
    assert_eq!(standing(41), Preference::Good);
    assert_eq!(house.tell(Verdict::Nothing, at(41)), None);
}

#[test]
fn who_could_not_be_asked_has_not_answered() {
    let house = House::new();
    for _ in 0..3 {
        house.tell(Verdict::Down, at(0));
    }
    let unasked = Verdict::Unasked(Duration::from_secs(30));
    assert_eq!(house.tell(unasked, at(11)), None, "still open");
    assert_eq!(house.gauge.get(), 1);
    let peer = house.peer("m", at(12));
    assert_eq!(peer.standing(at(12)), Preference::Paused);
    assert_eq!(peer.view("m".into(), at(12)).lately.good, 0);
    let answered = Verdict::Well(None);
    assert_eq!(house.tell(answered, at(45)), Some(Circuit::Closed));
}

#[test]
fn no_more_than_a_share_of_attempts_is_repeated() {
    let house = House::new();
    let peer = house.peer("m", at(0));
    let again =
        |peer: &Arc<Peer>, now| (0..100).filter(|_| peer.admit_again(now).is_some()).count();
    assert_eq!(again(&peer, at(0)), 10);
    for _ in 0..100 {
        peer.admit(at(1)).map(drop).expect("closed");
    }
    assert_eq!(again(&peer, at(1)), 20);
    assert_eq!(again(&peer, at(20)), 10, "what was before is over");
}

#[test]
fn names_that_clients_invent_do_not_fill_the_memory() {
    let house = House::new();
    let count = || house.health.of(house.place, at(0)).len();
    let mut kept = Vec::new();
    for number in 0..MOST_MODELS + 100 {
        kept.push(house.peer(&format!("model-{number}"), at(0)));
    }
    assert_eq!(count(), MOST_MODELS + 1, "the rest share one");
    assert!(Arc::ptr_eq(&kept[MOST_MODELS], &kept[MOST_MODELS + 99]));
    let long = house.peer(&"m".repeat(LONGEST_NAME + 1), at(0));
    assert!(Arc::ptr_eq(&kept[MOST_MODELS], &long));
    drop((kept, long));
    let soon = house.peer("another", at(0));
    assert_eq!(count(), MOST_MODELS + 1, "nobody has looked again so soon");
    drop(soon);
    house.peer("another", at(1));
    assert_eq!(count(), 1, "there was nothing to tell of them");
}

#[test]
fn what_is_invented_for_one_provider_costs_no_other_its_place() {
    let mut house = House::new();
    let crowd = |house: &House| -> Vec<_> {
        let names = (0..=MOST_MODELS).map(|number| format!("model-{number}"));
        names.map(|name| house.peer(&name, at(0))).collect()
    };
    let kept = crowd(&house);
    house.place.1 = TestEnvironment::new().environment.new_id();
    let another = crowd(&house);
    assert!(!Arc::ptr_eq(&kept[MOST_MODELS], &another[MOST_MODELS]));
    assert!(!Arc::ptr_eq(&another[0], &another[MOST_MODELS]));
}

#[test]
fn a_provider_that_has_changed_is_a_new_one() {
    let house = House::new();
    for _ in 0..3 {
        house.tell(Verdict::Down, at(0));
    }
    assert!(house.peer("m", at(0)).admit(at(0)).is_err());
    house.health.forget(house.place.1);
    assert_eq!(house.gauge.get(), 0);
    assert!(house.peer("m", at(0)).admit(at(0)).is_ok());
}

#[test]
fn attempts_under_way_are_counted_until_they_are_over() {
    let house = House::new();
    let peer = house.peer("m", at(0));
    let permits: Vec<_> = (0..3).filter_map(|_| peer.admit(at(0)).ok()).collect();
    assert_eq!(peer.in_flight(), 3);
    drop(permits);
    assert_eq!(peer.in_flight(), 0);
}
