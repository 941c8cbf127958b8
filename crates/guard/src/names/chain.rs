//! A conditional random field over the tokens of a run.

use super::feature::Features;

/// Labels of a token.
pub const LABELS: usize = 5;

/// A token that belongs to nothing.
pub const OUTSIDE: usize = 0;
/// The first of a name of a person.
pub const PERSON_BEGINS: usize = 1;
/// The next of a name of a person.
pub const PERSON_GOES_ON: usize = 2;
/// The first of an address.
pub const ADDRESS_BEGINS: usize = 3;
/// The next of an address.
pub const ADDRESS_GOES_ON: usize = 4;

/// A number for each label.
pub type Row = [f32; LABELS];

/// What passes from a label to the next: `[from][to]`.
pub type Passes = [Row; LABELS];

/// Whether a label may follow another; nothing before it is `OUTSIDE`.
pub fn may_follow(from: usize, to: usize) -> bool {
    match to {
        PERSON_GOES_ON => matches!(from, PERSON_BEGINS | PERSON_GOES_ON),
        ADDRESS_GOES_ON => matches!(from, ADDRESS_BEGINS | ADDRESS_GOES_ON),
        _ => true,
    }
}

/// What labels a run.
pub trait Weights {
    /// The sum of the weights of some features.
    fn score(&self, buckets: &[u32]) -> Row;
    /// `exp` of the weight of a label after another; 0 where it may not follow.
    fn passes(&self) -> Passes;
}

/// The probabilities of the labels of a run: forward and backward, in the domain of logarithms
/// scaled at each token.
#[derive(Clone, Debug, Default)]
pub struct Lattice {
    /// `exp` of the scores of labels by features.
    local: Vec<Row>,
    forward: Vec<Row>,
    backward: Vec<Row>,
    /// The probability of each label of each token.
    pub marginals: Vec<Row>,
    /// The logarithm of the sum over all labellings.
    pub log_sum: f64,
    /// The scores of labels by features.
    pub scores: Vec<Row>,
    /// `exp` of what passes.
    pub passes: Passes,
}

impl Lattice {
    /// Computes the probabilities of a run.
    pub fn label(&mut self, features: &Features, weights: &impl Weights) {
        self.passes = weights.passes();
        self.score(features, weights);
        self.go_forward();
        self.go_backward();
        self.meet();
    }

    fn score(&mut self, features: &Features, weights: &impl Weights) {
        self.scores.clear();
        self.local.clear();
        self.log_sum = 0.0;
        for token in 0..features.len() {
            let row = weights.score(features.of(token));
            let top = row.iter().copied().fold(f32::MIN, f32::max);
            self.log_sum += f64::from(top);
            self.local.push(row.map(|score| (score - top).exp()));
            self.scores.push(row);
        }
    }

    fn go_forward(&mut self) {
        self.forward.clear();
        let mut last = [1.0, 0.0, 0.0, 0.0, 0.0];
        for local in &self.local {
            let mut row = [0.0; LABELS];
            for (from, passes) in last.iter().zip(&self.passes) {
                for (sum, pass) in row.iter_mut().zip(passes) {
                    *sum += from * pass;
                }
            }
            let mut total = 0.0;
            for (sum, local) in row.iter_mut().zip(local) {
                *sum *= local;
                total += *sum;
            }
            let total = total.max(f32::MIN_POSITIVE);
            self.log_sum += f64::from(total.ln());
            last = row.map(|sum| sum / total);
            self.forward.push(last);
        }
    }

    fn go_backward(&mut self) {
        self.backward.clear();
        let mut next = [1.0; LABELS];
        for local in self.local.iter().rev() {
            self.backward.push(next);
            let mut row = [0.0; LABELS];
            for (sum, passes) in row.iter_mut().zip(&self.passes) {
                for ((pass, local), next) in passes.iter().zip(local).zip(&next) {
                    *sum += pass * local * next;
                }
            }
            let total: f32 = row.iter().sum::<f32>().max(f32::MIN_POSITIVE);
            next = row.map(|sum| sum / total);
        }
        self.backward.reverse();
    }

    fn meet(&mut self) {
        self.marginals.clear();
        for (forward, backward) in self.forward.iter().zip(&self.backward) {
            let mut row = *forward;
            let mut total = 0.0;
            for (value, backward) in row.iter_mut().zip(backward) {
                *value *= backward;
                total += *value;
            }
            let total = total.max(f32::MIN_POSITIVE);
            self.marginals.push(row.map(|value| value / total));
        }
    }

    /// The probability of a label after another at the token after `token`.
    pub fn pair(&self, token: usize) -> [Row; LABELS] {
        let mut pairs = [[0.0; LABELS]; LABELS];
        let (Some(forward), Some(local), Some(backward)) = (
            self.forward.get(token),
            self.local.get(token + 1),
            self.backward.get(token + 1),
        ) else {
            return pairs;
        };
        let mut total = 0.0;
        for ((row, from), passes) in pairs.iter_mut().zip(forward).zip(&self.passes) {
            for (((pair, pass), local), backward) in
                row.iter_mut().zip(passes).zip(local).zip(backward)
            {
                *pair = from * pass * local * backward;
                total += *pair;
            }
        }
        let total = total.max(f32::MIN_POSITIVE);
        pairs.map(|row| row.map(|pair| pair / total))
    }
}

/// `exp` of weights, 0 where a label may not follow.
pub fn exponents(weights: &Passes) -> Passes {
    let mut passes = *weights;
    for (from, row) in passes.iter_mut().enumerate() {
        for (to, pass) in row.iter_mut().enumerate() {
            *pass = if may_follow(from, to) {
                pass.exp()
            } else {
                0.0
            };
        }
    }
    passes
}
