//! Who cancels a prediction that nobody waits for any more.

use iron_llm::replicate::Prediction as Told;
use tokio::sync::oneshot;

use super::Asking;

/// Cancels a prediction that is let go before it has ended, for whatever reason.
pub(super) struct Watch(Option<oneshot::Sender<()>>);

impl Watch {
    /// Watches a prediction until [`Watch::end`].
    pub(super) fn over(asking: Asking, told: &Told) -> Self {
        let (sender, ended) = oneshot::channel();
        let (path, id) = (told.cancel_path(), told.id.clone());
        tokio::spawn(async move {
            if ended.await.is_err() {
                asking.cancel(&path, &id).await;
            }
        });
        Watch(Some(sender))
    }

    /// There is nothing to cancel any more.
    pub(super) fn end(&mut self) {
        if let Some(sender) = self.0.take() {
            // Who does not listen has ended with the process.
            let _ = sender.send(());
        }
    }
}
