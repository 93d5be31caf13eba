/** The bundler gathers style sheets into one; their import has no value. */
declare module '*.css' {}
