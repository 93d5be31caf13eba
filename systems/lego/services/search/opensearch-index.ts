import type { API } from '@opensearch-project/opensearch'

/** PostgreSQL's english.stop: what is no word there must be none here, or the two find different things. */
const STOP_WORDS =
  'i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its itself they them their theirs themselves what which who whom this that these those am is are was were be been being have has had having do does did doing a an the and but if or because as until while of at by for with about against between into through during before after above below to from up down in out on off over under again further then once here there when where why how all any both each few more most other some such no nor not only own same so than too very s t can will just don should now'.split(
    ' ',
  )

/** How documents are kept. Changed, it wants a reindex: an index stays as it was made. */
export const INDEX: API.Indices_Create_RequestBody = {
  settings: {
    // Ours by choice: one shard holds millions of such documents.
    number_of_shards: 1,
    auto_expand_replicas: '0-1',
    // A search sees what is a second old.
    refresh_interval: '1s',
    // A delete is remembered for longer than a late write can be under way.
    'index.gc_deletes': '10m',
    analysis: {
      filter: {
        // As PostgreSQL's: the same stems are found by the same words.
        stems: { type: 'stemmer', language: 'porter2' },
        no_words: { type: 'stop', stopwords: STOP_WORDS },
        possessive: { type: 'stemmer', language: 'possessive_english' },
        beginnings: { type: 'edge_ngram', min_gram: 1, max_gram: 20 },
      },
      normalizer: { small: { type: 'custom', filter: ['lowercase'] } },
      analyzer: {
        meaning: {
          type: 'custom',
          tokenizer: 'standard',
          filter: ['lowercase', 'possessive', 'no_words', 'stems'],
        },
        typed: { type: 'custom', tokenizer: 'standard', filter: ['lowercase'] },
        begun: { type: 'custom', tokenizer: 'standard', filter: ['lowercase', 'beginnings'] },
      },
    },
  },
  mappings: {
    dynamic: 'strict',
    properties: {
      type: { type: 'keyword' },
      id: { type: 'keyword' },
      ownerId: { type: 'keyword' },
      title: {
        type: 'text',
        analyzer: 'meaning',
        fields: {
          begun: { type: 'text', analyzer: 'begun', search_analyzer: 'typed' },
          typed: { type: 'text', analyzer: 'typed' },
          whole: { type: 'keyword', normalizer: 'small' },
        },
      },
      description: { type: 'text', analyzer: 'meaning' },
      tags: { type: 'text', analyzer: 'meaning' },
      /** All of them, in which every word must be found. */
      text: { type: 'text', analyzer: 'meaning' },
      theme: { type: 'keyword' },
      author: { type: 'keyword' },
      pieces: { type: 'integer' },
    },
  },
}
