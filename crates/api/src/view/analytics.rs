//! Forecasts.

use iron_audit::TokenTotal;
use iron_insight::{Anomaly, Method, Projection, WhatIf};
use iron_primitives::{AgentId, Money, Timestamp};
use iron_sdk::Dollars;
use iron_sdk::analytics::{
    AnomalyView, ProjectionMethod, ProjectionView, TokenTotalView, WhatIfView,
};

pub(crate) fn projection(
    agent: Option<AgentId>,
    projection: &Projection,
    exhausted_on: Option<Timestamp>,
) -> ProjectionView {
    ProjectionView {
        agent_id: agent,
        spent: Dollars::from(projection.spent),
        spent_micros: projection.spent.micros(),
        month_total: Dollars::from(projection.month_total),
        month_total_micros: projection.month_total.micros(),
        low: Dollars::from(projection.low),
        low_micros: projection.low.micros(),
        high: Dollars::from(projection.high),
        high_micros: projection.high.micros(),
        method: match projection.method {
            Method::MovingAverage => ProjectionMethod::MovingAverage,
            Method::Smoothing => ProjectionMethod::Arima,
            Method::Seasonal => ProjectionMethod::Seasonal,
        },
        days_of_history: u32::try_from(projection.days_of_history).unwrap_or(u32::MAX),
        month_ends_at: projection.month_ends_at,
        exhausted_on,
        updated_at: projection.at,
    }
}

pub(crate) fn anomaly(anomaly: Anomaly) -> AnomalyView {
    AnomalyView {
        at: anomaly.at,
        cost: Dollars::from(anomaly.cost),
        cost_micros: anomaly.cost.micros(),
        usual: Dollars::from(anomaly.usual),
        usual_micros: anomaly.usual.micros(),
        factor: anomaly.factor_hundredths as f64 / 100.0,
    }
}

pub(crate) fn what_if(compared: WhatIf, at: Timestamp) -> WhatIfView {
    let difference = compared.then.nanos().saturating_sub(compared.now.nanos());
    let difference = Money::from_nanos(difference);
    WhatIfView {
        cost: Dollars::from(compared.then),
        cost_micros: compared.then.micros(),
        cost_now: Dollars::from(compared.now),
        cost_now_micros: compared.now.micros(),
        difference: Dollars::from(difference),
        difference_micros: difference.micros(),
        updated_at: at,
    }
}

pub(crate) fn token_total(total: TokenTotal) -> TokenTotalView {
    TokenTotalView {
        name: total.subject,
        agent_id: total.agent,
        request_count: total.requests,
        input_tokens: total.input_tokens,
        cached_tokens: total.cached_tokens,
        output_tokens: total.output_tokens,
        total_tokens: total.input_tokens.saturating_add(total.output_tokens),
        cost: Dollars::from(total.cost),
        cost_micros: total.cost.micros(),
        first_request_at: total.first_request_at,
        last_request_at: total.last_request_at,
    }
}
