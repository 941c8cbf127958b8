//! Every error code of the API, with its HTTP status: the one table.

macro_rules! kinds {
    ($($name:ident, $status:literal, $code:literal, $doc:literal;)*) => {
        /// What went wrong, as the wire names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorKind {
            $(#[doc = $doc] $name,)*
        }

        impl ErrorKind {
            /// All kinds, for documents and tests.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$name),*];

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(ErrorKind::$name => $status,)* }
            }

            /// The code on the wire.
            pub const fn code(self) -> &'static str {
                match self { $(ErrorKind::$name => $code,)* }
            }

            /// What the code means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(ErrorKind::$name => $doc,)* }
            }
        }
    };
}

kinds! {
    Validation, 400, "VALIDATION_ERROR", "A field, parameter or id is missing, malformed, out of range, unknown or read-only.";
    MalformedRequest, 400, "MALFORMED_REQUEST", "The body is not a JSON object.";
    Unauthorized, 401, "UNAUTHORIZED", "No credential was sent.";
    InvalidToken, 401, "INVALID_TOKEN", "The token is unknown or its signature is wrong.";
    InvalidCredentials, 401, "INVALID_CREDENTIALS", "The login was refused.";
    TokenExpired, 401, "TOKEN_EXPIRED", "The token has expired or was idle for too long.";
    TokenRevoked, 401, "TOKEN_REVOKED", "The token was revoked, logged out, or its grace period is over.";
    InsufficientPermissions, 403, "INSUFFICIENT_PERMISSIONS", "Role or ownership does not allow it.";
    WrongTokenType, 403, "WRONG_TOKEN_TYPE", "An agent's token at a user endpoint, or the reverse.";
    AccountDisabled, 403, "ACCOUNT_DISABLED", "The account is suspended or deleted.";
    AccountLocked, 403, "ACCOUNT_LOCKED", "The account is locked after too many failed logins.";
    PasswordChangeRequired, 403, "PASSWORD_CHANGE_REQUIRED", "The password must be changed first.";
    CsrfFailed, 403, "CSRF_FAILED", "A cookie session wrote without its CSRF header.";
    SelfModificationForbidden, 403, "SELF_MODIFICATION_FORBIDDEN", "Own role, suspension or deletion.";
    TenantSuspended, 403, "TENANT_SUSPENDED", "The tenant is suspended.";
    ActionDenied, 403, "ACTION_DENIED", "A policy refuses this tool, model, domain or data source.";
    ContentBlocked, 403, "CONTENT_BLOCKED", "A guardrail blocked the input or the output.";
    ResourceNotFound, 404, "RESOURCE_NOT_FOUND", "The object or route does not exist.";
    EndpointSunset, 410, "ENDPOINT_SUNSET", "The operation was deprecated and its last day has passed; `details.replacement` says what to use.";
    MethodNotAllowed, 405, "METHOD_NOT_ALLOWED", "The route exists, but not with this method.";
    PayloadTooLarge, 413, "PAYLOAD_TOO_LARGE", "The body is larger than the route accepts.";
    UnsupportedMediaType, 415, "UNSUPPORTED_MEDIA_TYPE", "The body is not of a type the route accepts.";
    DuplicateName, 409, "DUPLICATE_NAME", "The name is not unique within its scope.";
    DuplicateEmail, 409, "DUPLICATE_EMAIL", "The e-mail address is already in use.";
    TokenAlreadyExists, 409, "TOKEN_ALREADY_EXISTS", "The agent has a live token already.";
    InvalidState, 409, "INVALID_STATE", "The present state does not allow this transition.";
    ConcurrentModification, 409, "CONCURRENT_MODIFICATION", "The object has changed since it was read.";
    IdempotencyConflict, 409, "IDEMPOTENCY_CONFLICT", "The idempotency key was used with another body.";
    OperationInProgress, 409, "OPERATION_IN_PROGRESS", "The first request with this idempotency key is still running.";
    ProviderInUse, 409, "PROVIDER_IN_USE", "Agents depend on the provider.";
    ResourceInUse, 409, "RESOURCE_IN_USE", "Other objects depend on it.";
    NoProviderAssigned, 409, "NO_PROVIDER_ASSIGNED", "The agent has no usable provider for the call.";
    LeaseNotActive, 409, "LEASE_NOT_ACTIVE", "The lease has ended.";
    InsufficientFunds, 409, "INSUFFICIENT_FUNDS", "The transfer exceeds what is there.";
    LastAdmin, 409, "LAST_ADMIN", "No active admin would be left.";
    RateLimitExceeded, 429, "RATE_LIMIT_EXCEEDED", "Too many requests.";
    QuotaExceeded, 429, "QUOTA_EXCEEDED", "A quota of the tenant is used up.";
    BudgetExceeded, 429, "BUDGET_EXCEEDED", "A budget on the agent's path has no room for the call.";
    Internal, 500, "INTERNAL_ERROR", "Something unexpected happened; the request id finds it in the log.";
    ServiceUnavailable, 503, "SERVICE_UNAVAILABLE", "The store or another dependency is down, or the server is draining.";
    ProviderUnavailable, 503, "PROVIDER_UNAVAILABLE", "The provider could not be reached or did not answer.";
    CircuitOpen, 503, "CIRCUIT_OPEN", "The provider or the server of the tool does not answer and is left alone for a while.";
    QueryTimeout, 503, "QUERY_TIMEOUT", "The query took too long.";
}
