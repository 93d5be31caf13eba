import { join } from 'node:path'
import {
  API,
  type Checker,
  type Program,
  SymbolFlags,
  type Type,
  type Symbol as TypeSymbol,
  type UnionType,
} from 'typescript/unstable/sync'
import { ROOT } from '../docs/markdown.ts'

/** A key of an object type, with what its declaration says of it. */
export interface Key {
  readonly name: string
  readonly optional: boolean
  readonly meaning: string
  readonly type: Shape
}

/** A type as a reader of a plan sees it. */
export type Shape =
  | { readonly is: 'text'; readonly text: string }
  | { readonly is: 'list'; readonly of: Shape }
  | { readonly is: 'record'; readonly of: Shape }
  | ChoiceShape
  | ObjectShape

/** One of several, of which some have keys. */
export interface ChoiceShape {
  readonly is: 'choice'
  readonly name: string | null
  readonly meaning: string
  readonly of: readonly Shape[]
}

export interface ObjectShape {
  readonly is: 'object'
  /** Null for a type that is written where it is used. */
  readonly name: string | null
  readonly meaning: string
  readonly keys: readonly Key[]
}

/** Types of the sources, read by TypeScript itself, so that what an editor shows and what is printed are the same. */
export class Types {
  readonly #api = new API({ cwd: ROOT })
  readonly #program: Program
  readonly #checker: Checker

  constructor() {
    const config = join(import.meta.dirname, 'tsconfig.json')
    const project = this.#api.updateSnapshot({ openProjects: [config] }).getProject(config)
    if (!project) throw new Error(`${config} is no project`)
    this.#program = project.program
    this.#checker = project.checker
  }

  close(): void {
    this.#api.close()
  }

  /** @param file from the root; @param name of an exported interface or type. */
  shape(file: string, name: string): Shape {
    return this.#shape(this.#checker.getDeclaredTypeOfSymbol(this.#exported(file, name)))
  }

  /** The keys of one of the Zod objects that a module exports together, with the comments of its schema. */
  keysOfSettings(file: string, name: string, group: string): readonly Key[] {
    const checker = this.#checker
    const typeOf = (symbol: TypeSymbol | undefined) => checker.getTypeOfSymbol(symbol!)!
    const all = typeOf(this.#exported(file, name))
    const shape = checker.getPropertyOfType(typeOf(checker.getPropertyOfType(all, group)), 'shape')
    return this.#keys(typeOf(shape), () => ({ is: 'text', text: '' }))
  }

  #exported(file: string, name: string): TypeSymbol {
    const source = this.#program.getSourceFile(join(ROOT, file))
    const module = source && this.#checker.getSymbolAtLocation(source)
    const found = module && this.#checker.getMemberInModuleExports(module, name)
    if (!found) throw new Error(`${file} exports no ${name}`)
    return found
  }

  #shape(type: Type): Shape {
    const checker = this.#checker
    if (type.isUnionType()) return this.#union(type)
    if (checker.isArrayLikeType(type) && type.isTypeReference()) {
      const [element] = checker.getTypeArguments(type)
      return { is: 'list', of: this.#shape(element!) }
    }
    const text: Shape = { is: 'text', text: textOf(checker.typeToString(type)) }
    if (!type.isObjectType() && !type.isIntersectionType()) return text
    const [index] = checker.getIndexInfosOfType(type)
    if (index) return { is: 'record', of: this.#shape(index.valueType) }
    const keys = this.#keys(type)
    if (keys.length === 0) return text
    const symbol = type.getAliasSymbol() ?? type.getSymbol()
    const name = symbol && !symbol.name.startsWith('__') ? symbol.name : null
    const meaning = name === null ? '' : line(checker.getDocumentationCommentOfSymbol(symbol!))
    return { is: 'object', name, meaning, keys }
  }

  #union(type: UnionType): Shape {
    const shapes = type
      .getTypes()
      .filter((one) => !(one.isIntrinsicType() && one.intrinsicName === 'undefined'))
      .map((one) => this.#shape(one))
    const [only] = shapes
    if (shapes.length === 1) return only!
    const alias = type.getAliasSymbol()
    const meaning = alias ? line(this.#checker.getDocumentationCommentOfSymbol(alias)) : ''
    const texts = shapes.flatMap((one) => (one.is === 'text' ? [one.text] : []))
    if (texts.length < shapes.length)
      return { is: 'choice', name: alias?.name ?? null, meaning, of: shapes }
    const isBoolean = texts.includes('true') && texts.includes('false')
    const others = texts.filter((one) => !isBoolean || !['true', 'false'].includes(one))
    return { is: 'text', text: [...others, ...(isBoolean ? ['boolean'] : [])].join(' | ') }
  }

  /** Without `undefined`, so that a type which has a name keeps it. */
  #given(type: Type): Type {
    const members = type.isUnionType() ? type.getTypes() : []
    const isNullable = members.some((one) => one.isIntrinsicType() && one.intrinsicName === 'null')
    return isNullable ? type : (this.#checker.getNonNullableType(type) ?? type)
  }

  #keys(type: Type, shape: (type: Type) => Shape = (one) => this.#shape(one)): Key[] {
    const checker = this.#checker
    return checker.getPropertiesOfType(type).map((symbol) => ({
      name: symbol.name,
      optional: (symbol.flags & SymbolFlags.Optional) !== 0,
      meaning: line(checker.getDocumentationCommentOfSymbol(symbol)),
      type: shape(this.#given(checker.getTypeOfSymbol(symbol)!)),
    }))
  }
}

/** `"a"` as a plan has it: `'a'`. */
function textOf(type: string): string {
  return type.replace(/^"(.*)"$/, "'$1'")
}

function line(comment: string): string {
  return comment.replace(/\s*\n\s*/g, ' ').trim()
}
