//! Calls of tools, which the gateway serves beside this plane: their rows of the document.
//!
//! The functions are never called; the document is made of what is written above them.

#![expect(dead_code, reason = "they are read, not called")]

use iron_sdk::tool_calls::{
    AuthorizeToolCall, AvailableTools, BringToolResult, InvokeTool, ToolDecided, ToolInspected,
    ToolInvoked,
};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(paths(
    list_available_tools,
    authorize_tool_call,
    bring_tool_result,
    invoke_tool
))]
pub(super) struct ToolCalls;

/// Lists the tools that the agent may call, with or without the leave of people.
#[utoipa::path(get, path = "/api/v1/tools/available", tag = "tools",
    responses((status = 200, description = "The tools", body = AvailableTools)))]
fn list_available_tools() {}

/// Decides on a call of a tool that the agent runs itself.
///
/// What policies and people say is an answer (200); what every call must pass answers as everywhere.
#[utoipa::path(post, path = "/api/v1/tools/authorize", tag = "tools",
    request_body = AuthorizeToolCall,
    responses((status = 200, description = "What was decided", body = ToolDecided)))]
fn authorize_tool_call() {}

/// Takes what came of an allowed call, and gives it back as it may go on.
#[utoipa::path(post, path = "/api/v1/tools/results", tag = "tools",
    request_body = BringToolResult,
    responses((status = 200, description = "What may go on", body = ToolInspected)))]
fn bring_tool_result() {}

/// Decides on a call of a tool and, if it may be made, runs it.
///
/// What went wrong with the tool itself is an answer (200) with its `status`. With an
/// `Idempotency-Key` a call is run once in 24 hours, and goes on when its caller leaves.
#[utoipa::path(post, path = "/api/v1/tools/{tool_id}/invoke", tag = "tools",
    params(("tool_id" = String, Path, description = "The tool, or what the agent calls it, percent-encoded")),
    request_body = InvokeTool,
    responses((status = 200, description = "What was decided, and what the tool did", body = ToolInvoked)))]
fn invoke_tool() {}
