import { bytes, defineApi } from '@banyan/service'
import { z } from 'zod'
import {
  Deleted,
  FileIds,
  FileParams,
  FilesQuery,
  NewFile,
  OwnerParams,
  SignedUrl,
  SignedUrlQuery,
  StoredFile,
  StoredFiles,
  Usage,
  WhichQuery,
} from './messages.ts'

/** Files take their time: scanning, and the way there. */
const timeoutMs = 30_000

/** What the File Storage Service does for services; any that it knows by its token may ask. */
export const storageApi = defineApi({
  name: 'storage',
  prefix: '/internal/v1',
  routes: {
    upload: {
      method: 'POST',
      path: '/upload',
      summary: 'Stores a file, scanned; its body is the content. Safe to repeat with a fileId',
      query: NewFile,
      body: bytes,
      response: { 201: StoredFile },
      timeoutMs,
    },
    signedUrl: {
      method: 'GET',
      path: '/signed-url',
      summary: 'A URL to read a file, for whoever has it, until it expires',
      query: SignedUrlQuery,
      response: { 200: SignedUrl },
      timeoutMs,
    },
    getFile: {
      method: 'GET',
      path: '/files/:id',
      summary: 'What is known of a file',
      params: FileParams,
      response: { 200: StoredFile },
      timeoutMs,
    },
    listFiles: {
      method: 'GET',
      path: '/files',
      summary: 'Files below a prefix, in the order of OWNER/ID/NAME; the page after such a key',
      query: FilesQuery,
      response: { 200: StoredFiles },
      timeoutMs,
    },
    download: {
      method: 'GET',
      path: '/files/:id/content',
      summary: 'The content of a file, or of a variant of it',
      params: FileParams,
      query: WhichQuery,
      response: { 200: bytes },
      timeoutMs,
    },
    deleteFile: {
      method: 'DELETE',
      path: '/files/:id',
      summary: 'Deletes a file, or finds it deleted',
      params: FileParams,
      response: { 204: z.null() },
      timeoutMs,
    },
    deleteFiles: {
      method: 'POST',
      path: '/files/delete',
      summary: 'Deletes those of the files that are there',
      body: FileIds,
      response: { 200: Deleted },
      idempotent: true,
      timeoutMs,
    },
    usage: {
      method: 'GET',
      path: '/usage/:ownerId',
      summary: 'What a user has stored, and may',
      params: OwnerParams,
      response: { 200: Usage },
      timeoutMs,
    },
  },
})
