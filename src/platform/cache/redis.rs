//! [`Cache`] in Redis, so that all servers share it; in this process while Redis is away.

use std::time::Duration;

use async_trait::async_trait;
use redis::Script;

use super::{Cache, LocalCache, Looked};
use crate::platform::redis::Redis;

/// Keys are `tessera:cache:<key>`, and always expire; `tessera:cache-of:<owner>` is the set of those of somebody.
pub struct RedisCache {
    redis: Redis,
    release: Script,
    get_or_claim: Script,
    put_of: Script,
    forget: Script,
    local: LocalCache,
}

impl RedisCache {
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        let release =
            Script::new("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0");
        let get_or_claim = Script::new(
            "local found = redis.call('GET', KEYS[1])
             if found then return {2, found} end
             if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return {1, ''} end
             return {0, ''}",
        );
        // The index lives as long as the last value that it names.
        let put_of = Script::new(
            "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
             redis.call('SADD', KEYS[2], KEYS[1])
             if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
             return 1",
        );
        let forget = Script::new(
            "for _, key in ipairs(redis.call('SMEMBERS', KEYS[1])) do redis.call('DEL', key) end
             return redis.call('DEL', KEYS[1])",
        );
        Self { redis, release, get_or_claim, put_of, forget, local: LocalCache::default() }
    }
}

fn name(key: &str) -> String {
    format!("tessera:cache:{key}")
}

fn index(owner: &str) -> String {
    format!("tessera:cache-of:{owner}")
}

/// Whole milliseconds, at least one: Redis refuses to keep something for no time.
fn millis(keep: Duration) -> u64 {
    u64::try_from(keep.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut command = redis::cmd("GET");
        command.arg(name(key));
        match self.redis.run(async |mut connection| command.query_async(&mut connection).await).await {
            Some(found) => found,
            None => self.local.get(key).await,
        }
    }

    async fn put(&self, key: &str, value: Vec<u8>, keep: Duration) {
        let mut command = redis::cmd("SET");
        command.arg(name(key)).arg(&value).arg("PX").arg(millis(keep));
        let done = self.redis.run(async |mut connection| command.query_async::<()>(&mut connection).await).await;
        if done.is_none() {
            self.local.put(key, value, keep).await;
        }
    }

    async fn put_of(&self, owner: &str, key: &str, value: Vec<u8>, keep: Duration) {
        let mut put = self.put_of.key(name(key));
        put.key(index(owner)).arg(&value).arg(millis(keep));
        let done: Option<i64> = self.redis.run(async |mut connection| put.invoke_async(&mut connection).await).await;
        if done.is_none() {
            self.local.put_of(owner, key, value, keep).await;
        }
    }

    async fn forget(&self, owner: &str) -> bool {
        self.local.forget(owner).await;
        let forget = self.forget.key(index(owner));
        let done: Option<i64> = self.redis.run(async |mut connection| forget.invoke_async(&mut connection).await).await;
        done.is_some()
    }

    async fn claim(&self, key: &str, value: &[u8], keep: Duration) -> bool {
        let mut command = redis::cmd("SET");
        command.arg(name(key)).arg(value).arg("NX").arg("PX").arg(millis(keep));
        let answer: Option<Option<String>> =
            self.redis.run(async |mut connection| command.query_async(&mut connection).await).await;
        match answer {
            Some(set) => set.is_some(),
            None => self.local.claim(key, value, keep).await,
        }
    }

    async fn get_or_claim(&self, key: &str, claimed: &str, value: &[u8], keep: Duration) -> Looked {
        let mut look = self.get_or_claim.key(name(key));
        look.key(name(claimed)).arg(value).arg(millis(keep));
        let answer: Option<(u8, Vec<u8>)> =
            self.redis.run(async |mut connection| look.invoke_async(&mut connection).await).await;
        match answer {
            Some((2, found)) => Looked::Found(found),
            Some((1, _)) => Looked::Claimed,
            Some(_) => Looked::Taken,
            None => self.local.get_or_claim(key, claimed, value, keep).await,
        }
    }

    async fn release(&self, key: &str, value: &[u8]) {
        let mut release = self.release.key(name(key));
        release.arg(value);
        let _: Option<i64> = self.redis.run(async |mut connection| release.invoke_async(&mut connection).await).await;
        self.local.release(key, value).await;
    }
}
