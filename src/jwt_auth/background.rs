//! What is done between requests: fetching key sets and lists of revoked tokens.

use super::Shared;
use super::counters::Provider;
use super::remote::Fetch;
use crate::host::{CallId, CallResult, Host};
use crate::table::number_of_vm;

impl Shared {
    pub(super) fn has_background(&self) -> bool {
        let keys = self.config.providers.iter().any(|provider| provider.keys.source().is_some());
        keys || self.config.revocation.as_ref().is_some_and(|revocation| revocation.remote().is_some())
    }

    /// A number that is another one as soon as a request that waits may wait no longer.
    pub(super) fn news(&self) -> u64 {
        let keys = self.config.providers.iter().filter_map(|provider| provider.keys.source());
        let list = self.config.revocation.as_ref().and_then(|revocation| revocation.remote());
        keys.chain(list).fold(0, |sum, remote| sum.wrapping_add(remote.news()))
    }

    pub(super) fn start(&self, host: &mut dyn Host) {
        self.owner.set(number_of_vm(host));
        if let Some(failures) = &self.failures {
            failures.prepare(host);
        }
        for (n, provider) in self.config.providers.iter().enumerate() {
            self.count_skipped(n, provider.keys.skipped(), host);
        }
    }

    pub(super) fn tick(&self, host: &mut dyn Host) {
        let Some(now_ms) = host.now_ms() else { return };
        let owner = self.owner.get();
        for (n, provider) in self.config.providers.iter().enumerate() {
            let Some(remote) = provider.keys.source() else { continue };
            let mut skipped = 0;
            remote.tick(host, now_ms, owner, |set| {
                let good = provider.keys.adopt(set);
                skipped = provider.keys.skipped();
                good
            });
            self.count_skipped(n, skipped, host);
        }
        if let Some(revocation) = &self.config.revocation
            && let Some(remote) = revocation.remote()
        {
            remote.tick(host, now_ms, owner, |list| revocation.adopt(list));
        }
    }

    pub(super) fn call_result(&self, id: CallId, result: &CallResult, host: &mut dyn Host) {
        let now_ms = host.now_ms().unwrap_or_default();
        for (n, provider) in self.config.providers.iter().enumerate() {
            let Some(remote) = provider.keys.source() else { continue };
            let mut skipped = 0;
            let ended = remote.call_result(id, result, host, now_ms, |set| {
                let good = provider.keys.adopt(set);
                skipped = provider.keys.skipped();
                good
            });
            let Some(fetch) = ended else { continue };
            self.count_skipped(n, skipped, host);
            let what = if fetch == Fetch::Good { Provider::Fetched } else { Provider::FetchFailed };
            host.count(self.counters.provider(n, what), 1);
            return;
        }
        if let Some(revocation) = &self.config.revocation
            && let Some(remote) = revocation.remote()
            && let Some(fetch) = remote.call_result(id, result, host, now_ms, |list| revocation.adopt(list))
        {
            host.count(self.counters.revocation(fetch == Fetch::Good), 1);
        }
    }

    fn count_skipped(&self, provider: usize, skipped: usize, host: &mut dyn Host) {
        if skipped > 0 {
            host.count(self.counters.provider(provider, Provider::KeysSkipped), skipped as u64);
        }
    }
}
