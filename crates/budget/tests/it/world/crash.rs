//! What crashes do, and the most that they may forfeit.

use super::*;

impl World {
    /// The process dies, or the machine loses power at some length of the disk; then a new
    /// process begins.
    pub(crate) async fn crash(&mut self, power_cut: bool, tail_percent: usize) {
        let kept = match power_cut {
            true => self.durable + (self.disk.len() - self.durable) * tail_percent.min(100) / 100,
            false => self.disk.len(),
        };
        self.allow_for_crash(power_cut, kept);
        self.disk.truncate(kept);
        self.durable = self.durable.min(kept);
        if power_cut {
            self.boot += 1;
            self.durable = kept;
        }
        self.begin_again().await;
    }

    async fn begin_again(&mut self) {
        let mut replay = Replay::default();
        for frame in &self.disk {
            replay.read(frame.entry());
        }
        let tenant = self.paths[0].tenant;
        let (ledger, world) = (&self.ledger, &self.world);
        let orphans = {
            let mut again = Replay::default();
            for frame in &self.disk {
                again.read(frame.entry());
            }
            again.finish(&boot_id(self.boot)).orphans
        };
        self.process =
            Process::begin(ledger, world, tenant, self.instance, self.boot, replay).await;
        self.disk.push(self.process.introduction(self.boot));
        self.durable = self.disk.len();
        // What was held of time belongs to no call.
        for orphan in orphans.iter().filter(|orphan| !orphan.is_of_time()) {
            self.disk.push(Frame::Record(record_of_orphan(orphan)));
        }
        self.snapshot_since = self.snapshot_since.min(self.disk.len());
    }

    /// I8: a crash forfeits at most the bounds in flight, what the disk lost, and the step of
    /// the watermarks.
    fn allow_for_crash(&mut self, power_cut: bool, kept: usize) {
        let mut in_flight = self.work_ends_unwritten();
        let mut unheard = self.unheard;
        for call in &self.process.calls {
            in_flight = plus(in_flight, call.held.amount);
            unheard = plus(unheard, above(call.bill, call.held.amount));
        }
        let (leases, _) = self.process.book.picture();
        for frame in &self.disk[kept..] {
            match frame {
                Frame::Reserve(bytes) => {
                    let amount = Reserve::decode(bytes).expect("ours").amount;
                    in_flight = plus(in_flight, amount);
                }
                Frame::Record(bytes) => {
                    let record: RecordedAttempts = serde_json::from_slice(bytes).expect("ours");
                    for attempt in record.attempts {
                        let amount = self.amount_of(&attempt.hold);
                        let cost = Amounts {
                            money: Money::from_nanos(attempt.settled_nanos),
                            tokens: attempt.settled_tokens.unwrap_or(0),
                            millis: 0,
                        };
                        unheard = plus(unheard, above(cost, amount));
                        in_flight = plus(in_flight, amount);
                    }
                }
                Frame::Release(bytes) => {
                    let key = Release::decode(bytes).expect("ours").key;
                    let legs = vec![RecordedLeg { lease: key.lease }];
                    let hold = RecordedHold { id: key.id, legs };
                    in_flight = plus(in_flight, self.amount_of(&hold));
                }
                Frame::Lease(_) | Frame::Snapshot(_) => {}
            }
        }
        self.unheard = unheard;
        for scope in self.scopes() {
            for unit in [Unit::Usd, Unit::Tokens, Unit::ExecutionTime] {
                *self.forfeit.entry((scope, unit)).or_default() += in_flight.of(unit);
            }
        }
        if power_cut {
            for lease in leases {
                let step = (lease.mark.watermark - lease.settled).max(0);
                *self
                    .forfeit
                    .entry((lease.mark.scope, lease.mark.unit))
                    .or_default() += step;
            }
        }
    }

    fn amount_of(&self, hold: &RecordedHold) -> Amounts {
        let same = |reserve: &Reserve| reserve.key() == hold.key();
        self.disk
            .iter()
            .filter_map(|frame| match frame {
                Frame::Reserve(bytes) => Reserve::decode(bytes),
                _ => None,
            })
            .find(same)
            .map_or(Amounts::ZERO, |reserve| reserve.amount)
    }
}
