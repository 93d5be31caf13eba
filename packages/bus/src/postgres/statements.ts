import pg from 'pg'

/** Keys are hashed to this many lanes: as many members of a group at most have something to do. */
export const LANES = 64

/** What a member reads at once, bytes of bodies: 500 messages of 1 MB must not be in hand together. */
export const READ_BYTES = 16 * 1024 * 1024

/** The statements of the transport on the tables of one schema. */
export type Statements = ReturnType<typeof statements>

export function statements(schema: string) {
  const at = `${pg.escapeIdentifier(schema)}.`
  return {
    /**
     * $1 channel, $2.. one array a column. A position is given after the sort, so that the order of
     * the batch is that of the positions.
     */
    publish: `
      WITH wanted AS (
        INSERT INTO ${at}message (group_id, lane, id, type, key, headers, body)
        SELECT g.id, (hashtextextended(m.key, 0) & ${LANES - 1})::smallint,
          m.id, m.type, m.key, m.headers::json, m.body
        FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
          WITH ORDINALITY AS m (id, type, key, headers, body, place)
        JOIN ${at}consumer_group g ON m.type = ANY (g.types)
        ORDER BY m.place
        RETURNING group_id
      )
      SELECT pg_notify($1, string_agg(DISTINCT group_id::text, ' ')) FROM wanted HAVING count(*) > 0`,

    /** $1 name, $2 types. */
    createGroup: `
      INSERT INTO ${at}consumer_group AS g (name, types) VALUES ($1, $2)
      ON CONFLICT (name) DO UPDATE SET types = excluded.types
      RETURNING id`,

    /** $1 group. */
    createLanes: `
      INSERT INTO ${at}lane (group_id, lane) SELECT $1, generate_series(0, ${LANES - 1})
      ON CONFLICT DO NOTHING`,

    /** $1 member, $2 group, $3 lease in ms. */
    join: `
      INSERT INTO ${at}member (id, group_id, alive_until)
      VALUES ($1, $2, clock_timestamp() + $3 * interval '1 ms')`,

    /**
     * $1 member, $2 lease in ms, $3 group. One that is late, but whom nobody has expelled, goes on: a lane is never taken
     * from a member whose row stands. Then members past their deadline are expelled, which frees their lanes through the
     * foreign key: those that are beating now are passed over, or two late ones would wait for each other.
     */
    beat: `
      WITH beaten AS (
        UPDATE ${at}member SET alive_until = clock_timestamp() + $2 * interval '1 ms'
        WHERE id = $1 RETURNING id
      ), late AS (
        SELECT id FROM ${at}member
        WHERE EXISTS (SELECT FROM beaten)
          AND group_id = $3 AND id <> $1 AND alive_until < clock_timestamp() FOR UPDATE SKIP LOCKED
      ), expelled AS (
        DELETE FROM ${at}member WHERE id IN (SELECT id FROM late) RETURNING id
      )
      SELECT (SELECT count(*)::int FROM beaten) AS beaten,
        (SELECT count(*)::int FROM ${at}member WHERE group_id = $3)
          - (SELECT count(*)::int FROM expelled) AS members,
        ARRAY (SELECT lane FROM ${at}lane WHERE group_id = $3 AND member = $1) AS mine`,

    /** $1 group, $2 member, $3 how many at most. */
    takeLanes: `
      UPDATE ${at}lane SET member = $2
      WHERE group_id = $1 AND lane IN (
        SELECT lane FROM ${at}lane WHERE group_id = $1 AND member IS NULL
        ORDER BY lane LIMIT $3 FOR UPDATE SKIP LOCKED)
      RETURNING lane`,

    /** $1 group, $2 member, $3 lanes. */
    releaseLanes: `
      UPDATE ${at}lane SET member = NULL WHERE group_id = $1 AND member = $2 AND lane = ANY ($3)`,

    /** $1 member: its lanes are free with it. */
    leave: `DELETE FROM ${at}member WHERE id = $1`,

    /** $1 groups: those of which a message stands there, whoever has it in hand. */
    look: `
      SELECT asked AS "group" FROM unnest($1::int[]) AS asked
      WHERE EXISTS (SELECT FROM ${at}message WHERE group_id = asked)`,

    /** $1 group, $2 lanes, $3 positions in hand, $4 keys that stand still, $5 how many at most. */
    read: `
      SELECT position, lane, id, type, key, headers, body
      FROM (
        SELECT *, sum(octet_length(body)) OVER (ORDER BY position) - octet_length(body) AS before
        FROM (
          SELECT * FROM ${at}message
          WHERE group_id = $1 AND lane = ANY ($2) AND position <> ALL ($3) AND key <> ALL ($4)
          ORDER BY position LIMIT $5
        ) AS next
      ) AS sized
      WHERE before < ${READ_BYTES}
      ORDER BY position`,

    /** $1 group, $2 positions. */
    acknowledge: `DELETE FROM ${at}message WHERE group_id = $1 AND position = ANY ($2)`,

    /** $1 name of the group. */
    backlog: `
      SELECT count(*)::int AS waiting FROM ${at}message
      WHERE group_id = (SELECT id FROM ${at}consumer_group WHERE name = $1)`,

    notify: 'SELECT pg_notify($1, $2)',
  }
}
