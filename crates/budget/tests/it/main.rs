//! The ledger on both engines, alone and together with the wallet.

mod machine;
mod world;

mod ten_cents;
