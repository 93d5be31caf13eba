import { expect } from 'vitest'
import { type ForumSystem, OLD_POSTS } from './forum-system.ts'

/** The owner, which is the target now, holds exactly what was acknowledged to the load's users. */
export async function everyAcknowledgedWriteIsThereOnce(
  forum: ForumSystem,
  known: Map<string, Map<string, string>>,
): Promise<void> {
  const { rows } = await forum.target.query<{ id: string; author: string; title: string }>(
    'SELECT id::text, author_id::text AS author, title FROM content.post WHERE id > $1 ORDER BY id::text',
    [OLD_POSTS],
  )
  const acknowledged = [...known].flatMap(([author, posts]) =>
    [...posts].map(([id, title]) => ({ id, author, title })),
  )
  expect(rows).toEqual(acknowledged.sort((a, b) => (a.id < b.id ? -1 : 1)))
}

/** By hashes that each server computes for itself, so also across majors. */
export async function bothSidesAreEqual(forum: ForumSystem): Promise<void> {
  const digest = (columns: string, table: string) =>
    `SELECT count(*)::int AS n, sum(hashtextextended(t::text, 0))::text AS hash FROM (SELECT ${columns} FROM ${table}) t`
  const posts = await forum.source.query(
    digest('"Id", "authorId", "Title", body, "createdAt"', 'public."Posts"'),
  )
  const tags = await forum.source.query(
    digest('"postId", "tagId", "authorId"', 'public."PostTags"'),
  )
  const newPosts = await forum.target.query(
    digest('id, author_id, title, text, created_at', 'content.post'),
  )
  const newTags = await forum.target.query(digest('post_id, tag_id, author_id', 'content.post_tag'))
  expect(newPosts.rows).toEqual(posts.rows)
  expect(newTags.rows).toEqual(tags.rows)
}
