/** The README, as its tests read it. */
export type Readme = {
  /** The text of one section, without its heading; throws when there is none. */
  section(heading: string): string;
};

export async function readReadme(): Promise<Readme> {
  const text = await Deno.readTextFile("README.md");
  return {
    section(heading) {
      const section = text.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0];
      if (section === undefined) throw new Error(`expected "## ${heading}" in README.md, found none; write it`);
      return section;
    },
  };
}

/** The fenced blocks of a text, each with the words after its fence. */
export function fencesOf(text: string): { readonly info: string; readonly code: string }[] {
  return [...text.matchAll(/^```([^\n]*)\n([^]*?)^```$/gm)].map(([, info = "", code = ""]) => ({ info, code }));
}
