//! Which tools an agent may call.

use iron_primitives::Refusal;

use crate::Runtime;
use crate::authority::RegisteredTool;
use crate::call::Authenticated;

impl Runtime {
    /// The tools that the agent may call, with or without the leave of people, by name: those of
    /// which a call could be allowed. One that is not among them is always denied; one that is may
    /// still be, for what its arguments name or when it is called.
    ///
    /// # Errors
    /// [`Refusal::AuthorityUnavailable`] if what is registered for the agent cannot be used here.
    pub fn tools<'a>(
        &self,
        authenticated: &'a Authenticated,
    ) -> Result<Vec<&'a RegisteredTool>, Refusal> {
        let bearer = &authenticated.bearer;
        let toolbox = bearer.toolbox.as_ref();
        let toolbox = toolbox.ok_or(Refusal::AuthorityUnavailable)?;
        let offered = toolbox.all().filter(|registered| {
            let policies = &toolbox.policies;
            policies.could_allow(&registered.tool, &bearer.actor)
        });
        let mut offered: Vec<_> = offered.collect();
        offered.sort_unstable_by(|one, other| one.tool.name.cmp(&other.tool.name));
        Ok(offered)
    }
}
