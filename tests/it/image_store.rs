//! The contract of `ImageStore`.

use std::collections::HashSet;

use tessera::images::server::store::{
    Assignment, FinishedImage, Found, ImageCounts, ImageFilter, ImageStore, MadeImage, NewImage, Stray,
};
use tessera::images::{AspectRatio, Image, ImageStatus, MOST_RUNNING};
use tessera::platform::amount::Amount;
use tessera::platform::db::now_millis;
use tessera::platform::ids::{ConversationId, ImageId, MessageId, RunId, UserId};

use crate::contracts::over_every_store;

pub fn new_image(user: UserId, prompt: &str) -> NewImage {
    NewImage {
        id: ImageId::now_v7(),
        user,
        shown_in: None,
        prompt: prompt.to_owned(),
        aspect_ratio: AspectRatio::Tall,
        seed: u32::MAX,
        provider: "replicate".into(),
        model: "flux".into(),
        is_ai: true,
        run: RunId::now_v7(),
    }
}

pub fn made(image: &NewImage) -> FinishedImage {
    let made = MadeImage {
        provider: "sketch".into(),
        model: "sketch, not AI".into(),
        is_ai: false,
        fallback_from: Some("replicate".into()),
        width: 700,
        height: 1300,
        placeholder: "data:image/webp;base64,AA".into(),
        credits: Amount::credits(2),
        bytes: 1000,
    };
    FinishedImage {
        id: image.id,
        run: Some(image.run),
        status: ImageStatus::Complete,
        made: Some(made),
        error_code: None,
        has_stray_files: false,
    }
}

fn failed(image: &NewImage, has_stray_files: bool) -> FinishedImage {
    let error_code = Some("provider_failed");
    FinishedImage { status: ImageStatus::Failed, made: None, error_code, has_stray_files, ..made(image) }
}

/// An image that can be shown.
async fn complete(images: &dyn ImageStore, user: UserId, prompt: &str) -> ImageId {
    let new = new_image(user, prompt);
    assert!(images.begin(new.clone()).await.unwrap());
    assert!(images.finish(made(&new)).await.unwrap());
    new.id
}

async fn all(images: &dyn ImageStore, user: UserId) -> Vec<Image> {
    images.list(user, &ImageFilter::default(), None, 100).await.unwrap().unwrap().items
}

async fn strays(images: &dyn ImageStore) -> Vec<ImageId> {
    let found = images.strays(now_millis() + 1, 1000).await.unwrap();
    found.into_iter().map(|stray| stray.id).collect()
}

over_every_store! {
    async fn an_image_is_found_by_the_reply_that_shows_it(stores) {
        let (images, user) = (stores.images, UserId::now_v7());
        let (conversation, reply) = (ConversationId::now_v7(), MessageId::now_v7());
        let new = NewImage { shown_in: Some((conversation, reply)), ..new_image(user, "a fox") };
        assert!(images.begin(new.clone()).await.unwrap() && images.begin(new_image(user, "a hen")).await.unwrap());
        assert_eq!(images.find_shown(conversation, reply).await.unwrap(), Some(new.id));
        assert_eq!(images.find_shown(conversation, MessageId::now_v7()).await.unwrap(), None);
        assert_eq!(images.find_shown(ConversationId::now_v7(), reply).await.unwrap(), None);
    }

    async fn an_image_runs_and_ends_once(stores) {
        let (images, user) = (stores.images, UserId::now_v7());
        let new = NewImage { shown_in: Some((ConversationId::now_v7(), MessageId::now_v7())), ..new_image(user, "a fox") };
        assert!(images.begin(new.clone()).await.unwrap());
        let running = images.find(user, new.id).await.unwrap().unwrap();
        assert_eq!((running.status, running.credits, running.seed), (ImageStatus::Running, Amount::ZERO, u32::MAX));
        assert_eq!((running.width, running.height), AspectRatio::Tall.size());
        assert_eq!(running.conversation_id, Some(new.shown_in.unwrap().0.to_string()));
        let Found::Running(found) = images.look_up(new.id).await.unwrap() else { panic!("it runs") };
        assert_eq!((found.user, found.run, found.shown_in, found.remote_id), (user, new.run, new.shown_in, None));

        assert!(images.finish(made(&new)).await.unwrap());
        assert!(images.finish(made(&new)).await.unwrap(), "the same end again");
        assert!(!images.finish(failed(&new, true)).await.unwrap(), "another end");
        let image = images.find(user, new.id).await.unwrap().unwrap();
        assert_eq!((image.status, image.credits, image.width, image.height), (ImageStatus::Complete, Amount::credits(2), 700, 1300));
        assert_eq!((image.provider.as_str(), image.is_ai), ("sketch", false));
        assert_eq!(image.fallback_from.as_deref(), Some("replicate"));
        assert_eq!(image.thumbnail_url, format!("/api/images/{}/thumbnail", new.id));
        assert_eq!(images.look_up(new.id).await.unwrap(), Found::Ended { credits: Amount::credits(2), shown_in: new.shown_in });
        assert!(strays(images.as_ref()).await.is_empty());
        assert_eq!(images.find(UserId::now_v7(), new.id).await.unwrap(), None, "somebody else's is not there");
    }

    async fn only_one_run_writes(stores) {
        let (images, user) = (stores.images, UserId::now_v7());
        let new = new_image(user, "a fox");
        assert!(images.begin(new.clone()).await.unwrap());
        let to = |remote_id: Option<&str>| Assignment {
            provider: "replicate".into(),
            model: "flux".into(),
            is_ai: true,
            remote_id: remote_id.map(str::to_owned),
        };
        assert!(images.assign(new.id, new.run, to(None)).await.unwrap());
        assert!(images.learn_remote_id(new.id, "p1").await.unwrap());
        assert!(images.learn_remote_id(new.id, "p1").await.unwrap(), "told again");
        assert!(!images.learn_remote_id(new.id, "p2").await.unwrap(), "told otherwise");
        assert!(images.assign(new.id, new.run, to(Some("p1"))).await.unwrap());

        let runs = [RunId::now_v7(), RunId::now_v7(), RunId::now_v7()];
        let taken = futures::future::join_all(runs.map(|run| images.take_over(new.id, new.run, run))).await;
        let winners: Vec<_> = runs.iter().zip(taken).filter(|(_, taken)| *taken.as_ref().unwrap()).collect();
        assert_eq!(winners.len(), 1, "of several that sweep, one goes on");
        let winner = *winners[0].0;
        assert!(!images.assign(new.id, new.run, to(None)).await.unwrap());
        assert!(!images.finish(made(&new)).await.unwrap());
        let Found::Running(found) = images.look_up(new.id).await.unwrap() else { panic!("it runs") };
        assert_eq!((found.run, found.remote_id.as_deref()), (winner, Some("p1")));
        assert!(images.finish(FinishedImage { run: Some(winner), ..made(&new) }).await.unwrap());
        assert!(!images.learn_remote_id(new.id, "p1").await.unwrap(), "it has ended");
        assert!(!images.take_over(new.id, winner, new.run).await.unwrap());
    }

    async fn a_user_has_so_many_running_and_no_more(stores) {
        let (images, user) = (stores.images, UserId::now_v7());
        let tries: Vec<_> = (0..MOST_RUNNING * 3).map(|n| new_image(user, &n.to_string())).collect();
        let begun = futures::future::join_all(tries.iter().map(|new| images.begin(new.clone()))).await;
        let begun: Vec<_> = tries.into_iter().zip(begun).filter(|(_, begun)| *begun.as_ref().unwrap()).collect();
        assert_eq!(begun.len(), MOST_RUNNING);
        assert!(images.begin(new_image(UserId::now_v7(), "another user")).await.unwrap());
        assert!(images.finish(failed(&begun[0].0, false)).await.unwrap());
        assert!(images.begin(new_image(user, "a place is free")).await.unwrap());
        assert!(!images.begin(new_image(user, "and taken")).await.unwrap());
        assert_eq!(images.delete(user, vec![begun[1].0.id]).await.unwrap(), [begun[1].0.id]);
        assert!(images.begin(new_image(user, "one that was deleted takes none")).await.unwrap());
    }

    async fn stopping_is_asked_for_and_deleting_stops(stores) {
        let (images, user) = (stores.images, UserId::now_v7());
        let new: Vec<_> = (0..3).map(|n| new_image(user, &n.to_string())).collect();
        for image in &new {
            assert!(images.begin(image.clone()).await.unwrap());
        }
        let ids: Vec<_> = new.iter().map(|image| image.id).collect();
        assert!(images.stop_requests(ids.clone()).await.unwrap().is_empty());
        assert!(!images.request_stop(UserId::now_v7(), ids[0]).await.unwrap());
        assert!(images.request_stop(user, ids[0]).await.unwrap());
        images.delete(user, vec![ids[1]]).await.unwrap();
        assert_eq!(images.stop_requests(ids.clone()).await.unwrap(), ids[..2]);
        assert!(images.finish(failed(&new[2], false)).await.unwrap());
        assert!(!images.request_stop(user, ids[2]).await.unwrap(), "nobody makes it");
    }

    async fn lists_are_paged_searched_and_filtered(stores) {
        let (images, user) = (stores.images, UserId::now_v7());
        let mut ids = Vec::new();
        for n in 0..7 {
            ids.push(complete(images.as_ref(), user, &format!("Fox {n} in 100% snow_")).await);
        }
        complete(images.as_ref(), UserId::now_v7(), "Fox of somebody else").await;
        ids.reverse();
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = images.list(user, &ImageFilter::default(), cursor.as_deref(), 3).await.unwrap().unwrap();
            seen.extend(page.items.iter().map(|image| image.id.parse::<ImageId>().unwrap()));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, ids, "newest first, each once");
        assert!(images.list(user, &ImageFilter::default(), Some("x"), 3).await.unwrap().is_none());

        let count = async |query: &str, favorites_only| {
            let filter = ImageFilter { query: query.to_owned(), favorites_only };
            images.list(user, &filter, None, 100).await.unwrap().unwrap().items.len()
        };
        assert_eq!((count("fox", false).await, count("FOX 3", false).await, count("cat", false).await), (7, 1, 0));
        assert_eq!((count("100%", false).await, count("snow_", false).await, count("10_%", false).await), (7, 7, 0));
        assert_eq!(count(".*", false).await, 0);
        assert_eq!(count("", true).await, 0);
        assert!(images.set_favorite(user, ids[2], true).await.unwrap());
        assert!(images.set_favorite(user, ids[2], true).await.unwrap(), "twice");
        assert!(!images.set_favorite(UserId::now_v7(), ids[3], true).await.unwrap());
        assert_eq!((count("", true).await, count("fox", true).await, count("cat", true).await), (1, 1, 0));
        assert!(images.find(user, ids[2]).await.unwrap().unwrap().favorite);
        assert!(images.set_favorite(user, ids[2], false).await.unwrap());
        assert_eq!(count("", true).await, 0);
    }

    async fn files_are_added_up_and_given_back(stores) {
        let (images, user) = (stores.images, UserId::now_v7());
        let conversation = ConversationId::now_v7();
        assert_eq!(images.bytes(user).await.unwrap(), 0);
        let first = complete(images.as_ref(), user, "first").await;
        complete(images.as_ref(), user, "second").await;
        complete(images.as_ref(), UserId::now_v7(), "somebody else's").await;
        let talked = NewImage { shown_in: Some((conversation, MessageId::now_v7())), ..new_image(user, "in a talk") };
        images.begin(talked.clone()).await.unwrap();
        assert_eq!(images.bytes(user).await.unwrap(), 2000, "what is being made takes nothing yet");
        images.finish(made(&talked)).await.unwrap();
        assert_eq!(images.bytes(user).await.unwrap(), 3000);
        images.finish(made(&talked)).await.unwrap();
        images.delete_of_conversation(user, conversation).await.unwrap();
        images.delete(user, vec![first]).await.unwrap();
        assert_eq!(images.bytes(user).await.unwrap(), 1000);
        images.delete_of_user(user).await.unwrap();
        assert_eq!(images.bytes(user).await.unwrap(), 0);
    }

    async fn neighbors_are_those_that_can_be_shown(stores) {
        let (images, user) = (stores.images, UserId::now_v7());
        let first = complete(images.as_ref(), user, "first").await;
        let broken = new_image(user, "broken");
        images.begin(broken.clone()).await.unwrap();
        images.finish(failed(&broken, false)).await.unwrap();
        complete(images.as_ref(), UserId::now_v7(), "somebody else's").await;
        let middle = complete(images.as_ref(), user, "middle").await;
        let last = complete(images.as_ref(), user, "last").await;
        assert_eq!(images.neighbors(user, middle).await.unwrap(), (Some(last), Some(first)));
        assert_eq!(images.neighbors(user, first).await.unwrap(), (Some(middle), None));
        assert_eq!(images.neighbors(user, last).await.unwrap(), (None, Some(middle)));
        images.delete(user, vec![first]).await.unwrap();
        assert_eq!(images.neighbors(user, middle).await.unwrap(), (Some(last), None));
    }

    async fn deleting_queues_the_files_in_the_same_step(stores) {
        let (images, user) = (stores.images, UserId::now_v7());
        let conversation = ConversationId::now_v7();
        let talked = NewImage { shown_in: Some((conversation, MessageId::now_v7())), ..new_image(user, "in a talk") };
        images.begin(talked.clone()).await.unwrap();
        let alone = complete(images.as_ref(), user, "alone").await;
        let kept = complete(images.as_ref(), user, "kept").await;
        assert!(images.delete(UserId::now_v7(), vec![alone]).await.unwrap().is_empty());
        assert_eq!(images.delete(user, vec![alone, ImageId::now_v7()]).await.unwrap(), [alone]);
        assert!(images.delete(user, vec![alone]).await.unwrap().is_empty(), "it is gone");
        assert_eq!(images.delete_of_conversation(user, conversation).await.unwrap(), [talked.id]);
        assert!(!images.finish(made(&talked)).await.unwrap(), "there is nothing to charge for");
        assert_eq!(images.look_up(talked.id).await.unwrap(), Found::Nothing);
        assert_eq!(all(images.as_ref(), user).await.iter().map(|image| image.prompt.as_str()).collect::<Vec<_>>(), ["kept"]);
        let queued: HashSet<_> = strays(images.as_ref()).await.into_iter().collect();
        assert_eq!(queued, HashSet::from([alone, talked.id]));
        assert_eq!(images.count().await.unwrap(), ImageCounts { complete: 1, strays: 2 });

        images.postpone_stray(alone, now_millis() + 60_000).await.unwrap();
        assert_eq!(strays(images.as_ref()).await, [talked.id]);
        let later = images.strays(now_millis() + 120_000, 10).await.unwrap();
        assert!(later.contains(&Stray { id: alone, tries: 1 }), "{later:?}");
        images.forget_strays(vec![alone, talked.id]).await.unwrap();
        assert_eq!(images.count().await.unwrap(), ImageCounts { complete: 1, strays: 0 });
        assert_eq!(images.delete_of_user(user).await.unwrap(), [kept]);
        assert!(all(images.as_ref(), user).await.is_empty());
    }

    async fn stray_files_are_queued_but_never_those_of_an_image(stores) {
        let (images, user) = (stores.images, UserId::now_v7());
        let shown = complete(images.as_ref(), user, "shown").await;
        let running = new_image(user, "running");
        images.begin(running.clone()).await.unwrap();
        let broken = new_image(user, "broken");
        images.begin(broken.clone()).await.unwrap();
        assert!(images.finish(failed(&broken, true)).await.unwrap());
        let unknown = ImageId::now_v7();
        images.queue_strays(vec![shown, running.id, unknown]).await.unwrap();
        images.queue_strays(vec![unknown]).await.unwrap();
        let queued: HashSet<_> = strays(images.as_ref()).await.into_iter().collect();
        assert_eq!(queued, HashSet::from([broken.id, unknown]));
        let ids = vec![shown, running.id, broken.id, unknown, ImageId::now_v7()];
        let known: HashSet<_> = images.known(ids.clone()).await.unwrap().into_iter().collect();
        assert_eq!(known, ids[..4].iter().copied().collect());
        let mut prompts = images.find_prompts(user, ids.clone()).await.unwrap();
        prompts.sort_by(|one, other| one.1.cmp(&other.1));
        let expected = [(broken.id, "broken"), (running.id, "running"), (shown, "shown")];
        assert_eq!(prompts, expected.map(|(id, prompt)| (id, prompt.to_owned())));
        assert!(images.find_prompts(UserId::now_v7(), ids.clone()).await.unwrap().is_empty());
        images.forget_strays(vec![broken.id, unknown]).await.unwrap();
        let known: HashSet<_> = images.known(ids.clone()).await.unwrap().into_iter().collect();
        assert_eq!(known, ids[..2].iter().copied().collect(), "nothing is left of the others");
        assert_eq!(all(images.as_ref(), user).await.len(), 3, "one that failed still says so");
    }
}
