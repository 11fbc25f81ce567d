//! Statistics in MongoDB. The newest entries of an account are with it, all others in the ledger.

mod documents;

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Bson, Document, doc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use self::documents::{
    FiledEntry, FoundAccount, FoundBucket, FoundLot, FoundPayment, FoundPlan, FoundReply, FoundUser, Marked,
    RecentEntry,
};
use super::{
    AttemptFilter, Earning, EntryFilter, ListedEntry, Marks, RawEntry, RawPayment, RawReply, Source, Standing,
    StatsStore, StoredBucket, is_paid, micros_of, read_people, read_sums, write_people, write_sums,
};
use crate::account::Role;
use crate::account::server::plans::Period;
use crate::credits::EntryKind;
use crate::credits::server::lots::Lot;
use crate::platform::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreError, StoreResult, now_millis, to_i64};
use crate::platform::ids::AttemptId;
use crate::stats::sums::BUCKET;
use crate::usage::server::store::StoredAttempt;
use crate::usage::{Attempt, Outcome};

/// [`StatsStore`] over MongoDB.
pub struct MongoStatsStore {
    mongo: Mongo,
}

impl MongoStatsStore {
    #[must_use]
    pub const fn new(mongo: Mongo) -> Self {
        Self { mongo }
    }

    fn collection(&self, name: &str) -> Collection<Document> {
        self.mongo.collection(name, Durability::Relaxed)
    }

    async fn aggregate<T>(&self, collection: &str, steps: Vec<Document>) -> StoreResult<Vec<T>>
    where
        T: DeserializeOwned + Send + Sync + Unpin + 'static,
    {
        let collection = self.collection(collection);
        run(async move { collection.aggregate(steps).with_type::<T>().await?.try_collect().await }).await
    }

    async fn find<T>(&self, collection: &str, which: Document, fields: Document) -> StoreResult<Vec<T>>
    where
        T: DeserializeOwned + Send + Sync + Unpin + 'static,
    {
        let collection = self.collection(collection).clone_with_type::<T>();
        run(async move { collection.find(which).projection(fields).await?.try_collect().await }).await
    }
}

fn within(from: impl Into<Bson>, until: impl Into<Bson>) -> Document {
    doc! { "$gte": from.into(), "$lt": until.into() }
}

fn dates(from: i64, until: i64) -> Document {
    within(bson::DateTime::from_millis(from), bson::DateTime::from_millis(until))
}

/// Entries that are with their accounts, each as `recent`.
fn recent(from: i64, until: i64) -> Vec<Document> {
    vec![
        doc! { "$match": { "recent": { "$elemMatch": { "at": dates(from, until) } } } },
        doc! { "$project": { "recent": { "$filter": {
            "input": "$recent",
            "cond": { "$and": [
                { "$gte": ["$$this.at", bson::DateTime::from_millis(from)] },
                { "$lt": ["$$this.at", bson::DateTime::from_millis(until)] },
            ] },
        } } } },
        doc! { "$unwind": "$recent" },
    ]
}

/// How a source's records of a time are marked by their buckets. `which` is of the records, or how they are found.
fn marks_of(source: Source, mut which: Vec<Document>, at: &str, mark: impl Into<Bson>) -> Vec<Document> {
    let at = doc! { "$toLong": at };
    let start = doc! { "$subtract": [at.clone(), { "$mod": [at, BUCKET] }] };
    which.push(doc! { "$group": { "_id": start, "mark": { "$sum": mark.into() } } });
    which.push(doc! { "$set": { "source": source.as_str() } });
    which
}

#[async_trait]
impl StatsStore for MongoStatsStore {
    async fn marks(&self, from: i64, until: i64) -> StoreResult<Marks> {
        let one = 1_i64;
        let only = |which| vec![doc! { "$match": which }];
        let attempts = only(doc! { "at": within(from, until) });
        let filed = only(doc! { "at": dates(from, until) });
        let payments = only(doc! { "createdAt": within(from, until) });
        let users = only(doc! { "createdAt": dates(from, until) });
        let replies = only(doc! { "cached": true, "createdAt": within(from, until) });
        // All in one command, as somebody who looks asks often.
        let mut steps = marks_of(Source::Attempts, attempts, "$at", one);
        for (collection, pipeline) in [
            ("accounts", marks_of(Source::Ledger, recent(from, until), "$recent.at", one)),
            ("ledger", marks_of(Source::Ledger, filed, "$at", one)),
            ("payments", marks_of(Source::Payments, payments, "$createdAt", doc! { "$add": ["$version", one] })),
            ("users", marks_of(Source::Users, users, "$createdAt", one)),
            ("messages", marks_of(Source::Replies, replies, "$createdAt", one)),
        ] {
            steps.push(doc! { "$unionWith": { "coll": collection, "pipeline": pipeline } });
        }
        let mut marks = Marks::new();
        for Marked { source, start, mark } in self.aggregate("attempts", steps).await? {
            *marks.entry(Source::parse(&source)?).or_default().entry(start).or_default() += mark;
        }
        Ok(marks)
    }

    async fn attempts(&self, from: i64, until: i64) -> StoreResult<Vec<Attempt>> {
        let found: Vec<StoredAttempt> = self.find("attempts", doc! { "at": within(from, until) }, doc! {}).await?;
        found.into_iter().map(StoredAttempt::read).collect()
    }

    async fn entries(&self, from: i64, until: i64) -> StoreResult<Vec<RawEntry>> {
        // An entry is filed before it is taken from its account: in this order it is in one of them at least.
        let with_account: Vec<RecentEntry> = self.aggregate("accounts", recent(from, until)).await?;
        let fields = doc! { "id": 1, "kind": 1, "amount": 1, "key": 1, "work": 1, "lots": 1, "at": 1 };
        let filed: Vec<FiledEntry> = self.find("ledger", doc! { "at": dates(from, until) }, fields).await?;
        let mut seen = HashSet::new();
        let filed = filed.into_iter().map(|found| found.entry.raw(found.place.user));
        let all = with_account.into_iter().map(|found| found.recent.raw(found.owner)).chain(filed);
        all.filter(|entry| entry.as_ref().map_or(true, |entry| seen.insert(entry.id))).collect()
    }

    async fn payments(&self, from: i64, until: i64) -> StoreResult<Vec<RawPayment>> {
        let found: Vec<FoundPayment> =
            self.find("payments", doc! { "createdAt": within(from, until) }, doc! { "body": 0 }).await?;
        let raw = |payment: FoundPayment| RawPayment {
            is_paid: is_paid(&payment.state),
            price: micros_of(payment.price, &payment.currency),
            refunded: micros_of(payment.refunded, &payment.currency),
            currency: payment.currency,
            version: payment.version,
            at: payment.created_at,
        };
        Ok(found.into_iter().map(raw).collect())
    }

    async fn users(&self, from: i64, until: i64) -> StoreResult<Vec<i64>> {
        let found: Vec<FoundUser> =
            self.find("users", doc! { "createdAt": dates(from, until) }, doc! { "createdAt": 1 }).await?;
        Ok(found.into_iter().map(|user| user.created_at.timestamp_millis()).collect())
    }

    async fn replies(&self, from: i64, until: i64) -> StoreResult<Vec<RawReply>> {
        let which = doc! { "cached": true, "createdAt": within(from, until) };
        let found: Vec<FoundReply> =
            self.find("messages", which, doc! { "model": 1, "usage": 1, "createdAt": 1 }).await?;
        let raw = |reply: FoundReply| RawReply {
            model: reply.model.unwrap_or_default(),
            input_tokens: reply.usage.as_ref().map_or(0, |usage| usage.input_tokens),
            output_tokens: reply.usage.as_ref().map_or(0, |usage| usage.output_tokens),
            at: reply.created_at,
        };
        Ok(found.into_iter().map(raw).collect())
    }

    async fn earnings(&self, lots: Vec<Uuid>) -> StoreResult<HashMap<Uuid, Earning>> {
        // The lot of a payment has its id.
        let ids: Vec<_> = lots.into_iter().map(to_bson).collect();
        let found: Vec<FoundPayment> =
            self.find("payments", doc! { "_id": { "$in": ids } }, doc! { "body": 0 }).await?;
        let earning = |payment: FoundPayment| {
            let micros = micros_of(payment.price, &payment.currency);
            (from_bson(payment.id), Earning { micros, currency: payment.currency, credits: payment.credits })
        };
        Ok(found.into_iter().map(earning).collect())
    }

    async fn keep(&self, buckets: Vec<StoredBucket>) -> StoreResult<()> {
        for bucket in buckets {
            let id = format!("{}:{}", bucket.source.as_str(), bucket.start);
            let people =
                bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: write_people(&bucket.people) };
            let set = doc! {
                "source": bucket.source.as_str(),
                "start": bucket.start,
                "mark": bucket.mark,
                "corrected": { "$or": [{ "$ifNull": ["$corrected", false] }, bucket.is_corrected] },
                // A text that begins with a dollar is none here.
                "sums": { "$literal": write_sums(&bucket.sums)? },
                "people": people,
            };
            let put = || {
                let (statistics, id, set) = (self.collection("statistics"), doc! { "_id": &id }, set.clone());
                run(async move { statistics.update_one(id, vec![doc! { "$set": set }]).upsert(true).await })
            };
            match put().await {
                // Another server has just added it.
                Err(error) if is_duplicate(&error) => put().await?,
                put => put?,
            };
        }
        Ok(())
    }

    async fn load(&self, from: i64, until: i64) -> StoreResult<Vec<StoredBucket>> {
        let found: Vec<FoundBucket> =
            self.find("statistics", doc! { "start": within(from, until) }, doc! { "_id": 0 }).await?;
        let read = |bucket: FoundBucket| {
            Ok(StoredBucket {
                source: Source::parse(&bucket.source)?,
                start: bucket.start,
                mark: bucket.mark,
                is_corrected: bucket.corrected,
                sums: read_sums(&bucket.sums)?,
                people: read_people(&bucket.people.bytes)?,
            })
        };
        found.into_iter().map(read).collect()
    }

    async fn forget_before(&self, before: i64) -> StoreResult<()> {
        let statistics = self.collection("statistics");
        run(async move { statistics.delete_many(doc! { "start": { "$lt": before } }).await }).await?;
        Ok(())
    }

    async fn standing(&self) -> StoreResult<Standing> {
        #[derive(Deserialize)]
        struct Counted {
            #[serde(rename = "_id")]
            id: Kind,
            count: i64,
        }
        #[derive(Deserialize)]
        struct Kind {
            role: String,
            status: String,
        }
        let kind = doc! { "role": "$role", "status": { "$ifNull": ["$status", "active"] } };
        let users: Vec<Counted> =
            self.aggregate("users", vec![doc! { "$group": { "_id": kind, "count": { "$sum": 1_i64 } } }]).await?;
        let mut standing = Standing {
            users: users
                .into_iter()
                .map(|found| ((found.id.role, found.id.status), u64::try_from(found.count).unwrap_or_default()))
                .collect(),
            ..Standing::default()
        };
        let now = now_millis();
        // Those that are prepaid may begin later than is stored.
        let steps = vec![
            doc! { "$match": { "$or": [{ "until": { "$gt": now } }, { "isPrepaid": true }] } },
            doc! { "$lookup": { "from": "users", "localField": "_id.user", "foreignField": "_id", "as": "user" } },
            doc! { "$unwind": "$user" },
            doc! { "$match": { "user.role": Role::User.as_str() } },
            doc! { "$set": { "status": { "$ifNull": ["$user.status", "active"] } } },
            doc! { "$unset": "user" },
        ];
        let mut with_plans: HashMap<Uuid, (String, Vec<Period>)> = HashMap::new();
        let found: Vec<FoundPlan> = self.aggregate("planPeriods", steps).await?;
        for (user, status, period) in found.into_iter().map(FoundPlan::read) {
            with_plans.entry(user).or_insert_with(|| (status, Vec::new())).1.push(period);
        }
        standing.count_subscribers(with_plans, now);
        let accounts = self.collection("accounts").clone_with_type::<FoundAccount>();
        let fields = doc! { "_id": 0, "lots": 1, "overdrawn": 1 };
        // Account by account, as they are many, and for as long as it takes. The driver must not be stopped in the middle.
        let read = async move {
            let mut accounts = accounts.find(doc! {}).projection(fields).batch_size(5000).await?;
            while let Some(FoundAccount { lots, overdrawn }) = accounts.try_next().await? {
                let lots: Vec<Lot> = lots.into_iter().map(FoundLot::read).collect();
                standing.add(&lots, overdrawn);
            }
            Ok::<_, mongodb::error::Error>(standing)
        };
        Ok(tokio::spawn(read).await.map_err(|_| StoreError::Panicked)??)
    }

    async fn list(&self, filter: AttemptFilter, before: (i64, AttemptId), limit: usize) -> StoreResult<Vec<Attempt>> {
        let (at, id) = before;
        let mut which = doc! {
            "at": { "$gte": filter.from, "$lt": filter.until, "$lte": at },
            "$or": [{ "at": { "$lt": at } }, { "_id": { "$lt": to_bson(id) } }],
        };
        if let Some(provider) = filter.provider {
            which.insert("provider", provider);
        }
        if let Some(model) = filter.model {
            which.insert("model", model);
        }
        if let Some(user) = filter.user {
            which.insert("user", to_bson(user));
        }
        if let Some(key) = filter.key {
            which.insert("key", to_bson(key));
        }
        if filter.only_failed {
            // As the index of them names them.
            let failed: Vec<_> = Outcome::FAILED.into_iter().map(Outcome::as_str).collect();
            which.insert("outcome", doc! { "$in": failed });
        }
        let (attempts, limit) = (self.collection("attempts"), to_i64(limit));
        let attempts = attempts.clone_with_type::<StoredAttempt>();
        let order = doc! { "at": -1, "_id": -1 };
        let found: Vec<StoredAttempt> =
            run(async move { attempts.find(which).sort(order).limit(limit).await?.try_collect().await }).await?;
        found.into_iter().map(StoredAttempt::read).collect()
    }

    async fn list_entries(
        &self,
        filter: EntryFilter,
        before: (i64, Uuid),
        limit: usize,
    ) -> StoreResult<Vec<ListedEntry>> {
        let EntryFilter { from, until, kind, work } = filter;
        let (at, id) = (bson::DateTime::from_millis(before.0), to_bson(before.1));
        // The fields are those of `place`: the entry itself, or the one that is with its account.
        let which = |place: &str| {
            let [at_of, id_of] = ["at", "id"].map(|name| format!("{place}{name}"));
            let mut within = dates(from, until);
            within.insert("$lte", at);
            let mut which = doc! {
                &at_of: within,
                "$or": [{ &at_of: { "$lt": at } }, { &id_of: { "$lt": id } }],
            };
            // Holds have their work too.
            if let Some(kind) = kind.or(work.map(|_| EntryKind::Settle)) {
                which.insert(format!("{place}kind"), kind.as_str());
            }
            if let Some(work) = work {
                which.insert(format!("{place}work"), work.as_str());
            }
            which
        };
        let order = |place: &str| {
            let [at_of, id_of] = ["at", "id"].map(|name| format!("{place}{name}"));
            doc! { &at_of: -1, &id_of: -1 }
        };
        let most = to_i64(limit);
        // As when they are counted: in this order an entry is in one of them at least.
        let mut steps = recent(from, until);
        steps.extend([
            doc! { "$match": which("recent.") },
            doc! { "$sort": order("recent.") },
            doc! { "$limit": most },
        ]);
        let with_account: Vec<RecentEntry> = self.aggregate("accounts", steps).await?;
        let steps = vec![doc! { "$match": which("") }, doc! { "$sort": order("") }, doc! { "$limit": most }];
        let filed: Vec<FiledEntry> = self.aggregate("ledger", steps).await?;
        let filed = filed.into_iter().map(|found| found.entry.listed(found.place.user));
        let all = with_account.into_iter().map(|found| found.recent.listed(found.owner)).chain(filed);
        let mut all = all.collect::<StoreResult<Vec<_>>>()?;
        all.sort_unstable_by_key(|listed| std::cmp::Reverse((listed.entry.at, listed.entry.id)));
        all.dedup_by_key(|listed| listed.entry.id);
        all.truncate(limit);
        Ok(all)
    }
}
