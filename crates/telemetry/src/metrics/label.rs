//! Labels with a closed set of values, and one pre-resolved handle for each value.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

use iron_primitives::ErrorKind;
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, LabelSetEncoder};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// A label whose values are known when the program is compiled.
pub trait Label: Copy + Eq + fmt::Debug + Send + Sync + 'static {
    /// Every value, in a fixed order.
    fn all() -> Vec<Self>;
    /// The label's names and this value's texts.
    fn pairs(self) -> Vec<(&'static str, &'static str)>;
}

/// One metric for each value of a label; looking one up is a short scan without a lock.
pub struct PerLabel<L, M> {
    handles: Vec<(L, M)>,
    /// Counts values that are not in [`Label::all`], of which there are none.
    unlisted: M,
    label: PhantomData<L>,
}

impl<L: Label, M: fmt::Debug> fmt::Debug for PerLabel<L, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.handles).finish()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Pairs(Vec<(&'static str, &'static str)>);

impl EncodeLabelSet for Pairs {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.as_slice().encode(encoder)
    }
}

impl<L: Label, M: Clone + Default + TypedMetric + EncodeMetric> PerLabel<L, M>
where
    M: fmt::Debug + Send + Sync + 'static,
{
    pub(super) fn register(registry: &mut Registry, name: &str, help: &str) -> Self {
        let family = Family::<Pairs, M>::default();
        let handles = L::all()
            .into_iter()
            .map(|label| (label, family.get_or_create(&Pairs(label.pairs())).clone()))
            .collect();
        registry.register(name, help, family);
        PerLabel {
            handles,
            unlisted: M::default(),
            label: PhantomData,
        }
    }

    /// The metric of one value.
    pub fn of(&self, label: L) -> &M {
        let found = self.handles.iter().find(|(known, _)| *known == label);
        found.map_or(&self.unlisted, |(_, metric)| metric)
    }
}

/// One metric for each text of the program's own; texts from outside would fill the memory.
#[derive(Debug, Clone)]
pub struct PerText<M = Counter> {
    label: &'static str,
    family: Family<Pairs, M>,
}

impl<M> PerText<M>
where
    M: Clone + Default + TypedMetric + EncodeMetric + fmt::Debug + Send + Sync + 'static,
{
    pub(super) fn register(
        registry: &mut Registry,
        name: &str,
        help: &str,
        label: &'static str,
    ) -> Self {
        let family = Family::default();
        registry.register(name, help, Family::clone(&family));
        PerText { label, family }
    }

    /// The metric of one text.
    pub fn of(&self, text: &'static str) -> M {
        self.family
            .get_or_create(&Pairs(vec![(self.label, text)]))
            .clone()
    }
}

macro_rules! labels {
    ($($(#[$doc:meta])* $type:ident($name:literal) { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[$vdoc])* $variant,)*
        }

        impl $type {
            /// The text of the label.
            pub const fn as_str(self) -> &'static str {
                match self { $($type::$variant => $text,)* }
            }
        }

        impl Label for $type {
            fn all() -> Vec<Self> {
                vec![$($type::$variant),*]
            }
            fn pairs(self) -> Vec<(&'static str, &'static str)> {
                vec![($name, self.as_str())]
            }
        }
    )*};
}

labels! {
    /// How a governed call ended.
    CallOutcome("outcome") {
        /// The provider's whole answer was delivered.
        Completed = "completed",
        /// We said no before anything was sent.
        Refused = "refused",
        /// The provider answered with an error, or could not be reached.
        ProviderError = "provider_error",
        /// The client left before the end.
        ClientGone = "client_gone",
        /// The provider's stream broke.
        Cut = "cut",
        /// The process ended while the call was under way; found at recovery.
        Crashed = "crashed",
    }

    /// How one upstream attempt ended.
    AttemptOutcome("outcome") {
        /// With a success.
        Succeeded = "succeeded",
        /// With an error of the provider.
        Failed = "failed",
        /// Without a connection, so that nothing was dispatched.
        Unsent = "unsent",
        /// By a time limit.
        TimedOut = "timed_out",
    }

    /// What happened to a budget.
    BudgetNotice("kind") {
        /// A soft limit was crossed.
        Warning = "warning",
        /// The limit is reached.
        Limit = "limit",
        /// An agent spent faster than it may.
        Runaway = "runaway",
    }

    /// How an attempt to tell people something ended.
    DeliveryOutcome("outcome") {
        /// It arrived.
        Delivered = "delivered",
        /// It did not, and is tried again.
        Failed = "failed",
        /// It was given up.
        Dead = "dead",
    }

    /// Which face of the server answered.
    Surface("surface") {
        /// The OpenAI- and Anthropic-shaped routes.
        Gateway = "gateway",
        /// The control plane.
        Api = "api",
        /// Health, version and metrics.
        System = "system",
    }

    /// The class of an HTTP status.
    StatusClass("status") {
        /// 1xx and 2xx.
        Success = "2xx",
        /// 3xx.
        Redirect = "3xx",
        /// 4xx.
        Client = "4xx",
        /// 5xx.
        Server = "5xx",
    }
}

impl StatusClass {
    pub(crate) const fn of(status: u16) -> Self {
        match status {
            0..300 => StatusClass::Success,
            300..400 => StatusClass::Redirect,
            400..500 => StatusClass::Client,
            _ => StatusClass::Server,
        }
    }
}

impl<A: Label, B: Label> Label for (A, B) {
    fn all() -> Vec<Self> {
        A::all()
            .into_iter()
            .flat_map(|a| B::all().into_iter().map(move |b| (a, b)))
            .collect()
    }
    fn pairs(self) -> Vec<(&'static str, &'static str)> {
        [self.0.pairs(), self.1.pairs()].concat()
    }
}

impl Label for ErrorKind {
    fn all() -> Vec<Self> {
        ErrorKind::ALL.to_vec()
    }
    fn pairs(self) -> Vec<(&'static str, &'static str)> {
        vec![("code", self.code())]
    }
}
