//! listenKeys: one live key per account (protocol §3.1).

use super::Exchange;
use crate::account::ListenKey;
use crate::api::{AccountId, ApiError, UserEvent};
use crate::pit::random_letter;
use crate::timers::Timer;

const KEY_LENGTH: usize = 64;
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

impl Exchange {
    /// `POST listenKey`: the account's key, new or extended (64 characters).
    pub fn listen_key_start(&mut self, now_us: u64, account: AccountId) -> String {
        self.advance(now_us);
        let text = match &self.house.account(account).listen_key {
            Some(key) => key.text.clone(),
            None => (0..KEY_LENGTH)
                .map(|_| random_letter(&mut self.house.prng, ALPHABET))
                .collect(),
        };
        self.extend_listen_key(account, text.clone());
        text
    }

    /// `PUT listenKey`.
    ///
    /// # Errors
    /// `-1125` when the account has no live key.
    pub fn listen_key_keepalive(
        &mut self,
        now_us: u64,
        account: AccountId,
    ) -> Result<String, ApiError> {
        self.advance(now_us);
        let key = self.house.account(account).listen_key.as_ref();
        let text = key
            .map(|key| key.text.clone())
            .ok_or_else(ApiError::no_such_listen_key)?;
        self.extend_listen_key(account, text.clone());
        Ok(text)
    }

    /// `DELETE listenKey`; open sockets get `listenKeyExpired`.
    ///
    /// # Errors
    /// `-1125` when the account has no live key.
    pub fn listen_key_close(&mut self, now_us: u64, account: AccountId) -> Result<(), ApiError> {
        self.advance(now_us);
        if self.house.account(account).listen_key.is_none() {
            return Err(ApiError::no_such_listen_key());
        }
        self.expire_listen_key(account);
        Ok(())
    }

    /// Forgets the account's key without a word to anyone and returns it: a drill says what its listeners are told.
    pub fn listen_key_forget(&mut self, now_us: u64, account: AccountId) -> Option<String> {
        self.advance(now_us);
        let key = self.house.account_mut(account).listen_key.take()?;
        self.house
            .timers
            .disarm(key.expires_us, Timer::ListenKey(account));
        Some(key.text)
    }

    /// Whose live key this is. A socket on any other text opens and stays silent.
    #[must_use]
    pub fn listen_key_account(&self, listen_key: &str) -> Option<AccountId> {
        let live = |account: &&crate::account::Account| {
            account
                .listen_key
                .as_ref()
                .is_some_and(|key| key.text == listen_key)
        };
        self.house
            .accounts
            .iter()
            .find(live)
            .map(|account| account.id)
    }

    fn extend_listen_key(&mut self, account: AccountId, text: String) {
        let expires_us = self.now_us.saturating_add(self.listen_key_us);
        let before = self
            .house
            .account_mut(account)
            .listen_key
            .replace(ListenKey { text, expires_us });
        if let Some(before) = before {
            self.house
                .timers
                .disarm(before.expires_us, Timer::ListenKey(account));
        }
        self.house.timers.arm(expires_us, Timer::ListenKey(account));
    }

    pub(super) fn expire_listen_key(&mut self, account: AccountId) {
        if let Some(key) = self.house.account_mut(account).listen_key.take() {
            self.house
                .timers
                .disarm(key.expires_us, Timer::ListenKey(account));
            self.house.tell_account(
                self.now_us,
                account,
                UserEvent::ListenKeyExpired {
                    listen_key: key.text,
                },
            );
        }
    }
}
