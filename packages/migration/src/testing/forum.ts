import { IDENTITY_HEADERS, verifyIdentity } from '@banyan/contracts'
import type { Pool } from '@banyan/postgres'
import type { TableSpec } from '@banyan/replication'
import { type RunningApp, startApp } from './http-app.ts'

/*
 * A forum: as unlike the demonstration system as an application of the same kind can be. Keys are
 * bigserial, names are quoted and of mixed case, sessions are opaque tokens in a table, the join table
 * has a composite key, moved tables point at unmoved ones and are joined by reads elsewhere.
 */

export const FORUM_SCHEMA = `
  CREATE TABLE public."Accounts" (id bigserial PRIMARY KEY, name text NOT NULL);
  CREATE TABLE public."Sessions" (token text PRIMARY KEY, "accountId" bigint NOT NULL REFERENCES public."Accounts");
  CREATE TABLE public."Tags" (id serial PRIMARY KEY, label text NOT NULL UNIQUE);
  CREATE TABLE public."Posts" (
    "Id" bigserial PRIMARY KEY,
    "authorId" bigint NOT NULL REFERENCES public."Accounts",
    "Title" text NOT NULL,
    body text NOT NULL DEFAULT '',
    "createdAt" timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE public."PostTags" (
    "postId" bigint NOT NULL REFERENCES public."Posts" ON DELETE CASCADE,
    "tagId" int NOT NULL REFERENCES public."Tags",
    "authorId" bigint NOT NULL,
    PRIMARY KEY ("postId", "tagId")
  );
  INSERT INTO public."Tags" (label) SELECT 'tag ' || i FROM generate_series(1, 20) i;
`

export const SERVICE_SCHEMA = `
  CREATE SCHEMA content;
  CREATE TABLE content.post (
    id bigserial PRIMARY KEY, author_id bigint NOT NULL, title text NOT NULL, text text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE content.post_tag (
    post_id bigint NOT NULL REFERENCES content.post ON DELETE CASCADE, tag_id int NOT NULL,
    author_id bigint NOT NULL, PRIMARY KEY (post_id, tag_id)
  );
`

export const FORUM_TABLES: TableSpec[] = [
  {
    source: 'public."Posts"',
    target: 'content.post',
    owner: 'authorId',
    forward: {
      id: 'Id',
      author_id: 'authorId',
      title: 'Title',
      text: 'body',
      created_at: 'createdAt',
    },
  },
  {
    source: 'public."PostTags"',
    target: 'content.post_tag',
    owner: 'authorId',
    forward: { post_id: 'postId', tag_id: 'tagId', author_id: 'authorId' },
  },
]

interface Dialect {
  readonly post: string
  readonly tag: string
  readonly columns: { id: string; author: string; title: string; text: string }
  readonly tagColumns: { post: string; tag: string; author: string }
}

const OLD: Dialect = {
  post: 'public."Posts"',
  tag: 'public."PostTags"',
  columns: { id: '"Id"', author: '"authorId"', title: '"Title"', text: 'body' },
  tagColumns: { post: '"postId"', tag: '"tagId"', author: '"authorId"' },
}
const NEW: Dialect = {
  post: 'content.post',
  tag: 'content.post_tag',
  columns: { id: 'id', author: 'author_id', title: 'title', text: 'text' },
  tagColumns: { post: 'post_id', tag: 'tag_id', author: 'author_id' },
}

/** The forum as it stands: everything in one process and one database. */
export function startForum(pool: Pool): Promise<RunningApp> {
  const posts = postRoutes(pool, OLD)
  return startApp(async ({ method, path, headers, body }) => {
    const { rows } = await pool.query(
      'SELECT "accountId" FROM public."Sessions" WHERE token = $1',
      [headers['x-session'] ?? ''],
    )
    if (!rows[0]) return { status: 401, body: { error: 'sign in' } }
    if (path === '/leaders') {
      // A read elsewhere that joins a moved table: it keeps working on the copy the reverse stream maintains.
      const leaders = await pool.query(
        `SELECT a.name, count(*)::int AS posts FROM public."Accounts" a
           JOIN public."Posts" p ON p."authorId" = a.id GROUP BY a.id ORDER BY 2 DESC, 1 LIMIT 5`,
      )
      return { status: 200, body: leaders.rows }
    }
    return posts(method, path.replace(/^\/api/, ''), rows[0].accountId, body)
  })
}

/** The service its posts move to. */
export function startContentService(pool: Pool, identityKey: string): Promise<RunningApp> {
  const posts = postRoutes(pool, NEW)
  return startApp(async ({ method, path, headers, body }) => {
    const identity = verifyIdentity(headers[IDENTITY_HEADERS.signed] as string, identityKey)
    if (!identity) return { status: 401, body: { error: 'sign in' } }
    return posts(method, path.replace(/^\/v1/, ''), identity.userId, body)
  })
}

function postRoutes(pool: Pool, { post, tag, columns: c, tagColumns: t }: Dialect) {
  const shape = `${c.id}::text AS id, ${c.title} AS title, ${c.text} AS text`
  return async (method: string, path: string, author: string, body: Record<string, unknown>) => {
    const id = /^\/posts\/(\d+)/.exec(path)?.[1]
    if (method === 'POST' && path === '/posts') {
      const { rows } = await pool.query(
        `INSERT INTO ${post} (${c.author}, ${c.title}, ${c.text}) VALUES ($1, $2, $3) RETURNING ${shape}`,
        [author, body.title, body.text ?? ''],
      )
      return { status: 201, body: rows[0] }
    }
    if (method === 'GET' && path === '/posts') {
      const { rows } = await pool.query(
        `SELECT ${shape} FROM ${post} AS p WHERE ${c.author} = $1 ORDER BY p.${c.id}`,
        [author],
      )
      return { status: 200, body: rows }
    }
    if (method === 'PUT' && id && /\/tags\/\d+$/.test(path)) {
      await pool.query(
        `INSERT INTO ${tag} (${t.post}, ${t.tag}, ${t.author}) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
        [id, path.split('/').at(-1), author],
      )
      return { status: 204 }
    }
    if (method === 'PATCH' && id) {
      const { rows } = await pool.query(
        `UPDATE ${post} SET ${c.title} = $3 WHERE ${c.id} = $1 AND ${c.author} = $2 RETURNING ${shape}`,
        [id, author, body.title],
      )
      return rows[0] ? { status: 200, body: rows[0] } : { status: 404 }
    }
    if (method === 'DELETE' && id) {
      const { rowCount } = await pool.query(
        `DELETE FROM ${post} WHERE ${c.id} = $1 AND ${c.author} = $2`,
        [id, author],
      )
      return { status: rowCount === 1 ? 204 : 404 }
    }
    return { status: 404 }
  }
}
