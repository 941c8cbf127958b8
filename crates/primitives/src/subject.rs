//! How people are named as data subjects: whose keys seal what is personal of them.

use aws_lc_rs::digest;

use crate::{TenantId, UserId};

/// How a user is named as a data subject: whoever erases a user destroys this subject's key.
pub fn subject_of(user: UserId) -> [u8; 32] {
    name("user", &user.to_string())
}

/// Stands for whoever cannot be told apart, such as a visitor whose login failed.
pub fn subject_of_strangers(tenant: TenantId) -> [u8; 32] {
    name("strangers", &tenant.to_string())
}

fn name(kind: &str, id: &str) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"iron-cage data subject v1\n");
    context.update(kind.as_bytes());
    context.update(b"\n");
    context.update(id.as_bytes());
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    bytes
}
