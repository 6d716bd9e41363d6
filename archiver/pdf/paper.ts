// A printed paper: headings, sentences, pairs, trees and tables on A4, as PDF/A-3a: tagged, with its
// fonts in it, and with the data that it was made from as an attachment. The same content as of the same
// instant gives the same octets.
import PDFDocument from 'pdfkit';
import { shownText } from '../reports/html.ts';
import { fitText, type Typeface, type Typefaces, type Weight } from './fonts.ts';

export type PaperHead = {
  readonly title: string;
  readonly language: 'ja' | 'en';
  /** Becomes the date of making. */
  readonly at: Temporal.Instant;
  readonly typefaces: Typefaces;
  readonly layout?: 'portrait' | 'landscape';
};

export type PaperColumn = {
  /** Absent in all columns: a table without a head, its first cells name the rows. */
  readonly title?: string;
  /** Share of the width; the shares of a table are relative to each other. */
  readonly share: number;
  readonly align?: 'right';
};

/** One entry of a tree: its lines, then what stands below it. */
export type PaperItem = {
  readonly label: string;
  readonly lines: readonly string[];
  readonly children: readonly PaperItem[];
};

export type Paper = {
  readonly heading: (level: 1 | 2 | 3, text: string) => void;
  readonly paragraph: (text: string) => void;
  /** Terms and what they are. */
  readonly pairs: (pairs: readonly (readonly [string, string])[]) => void;
  readonly table: (columns: readonly PaperColumn[], rows: readonly (readonly string[])[]) => void;
  readonly items: (items: readonly PaperItem[]) => void;
  /** The whole file. `attachment` is the data behind the paper (PDF/A-3: ISO 19005-3 §6.8). */
  readonly finish: (attachment: PaperAttachment) => Promise<Uint8Array>;
};

export type PaperAttachment = {
  readonly name: string;
  readonly octets: Uint8Array;
  readonly type: string;
  readonly description: string;
};

const margin = 48;
const ink = '#1c2321';
const quiet = '#55605b';
const line = '#c9d1cd';
const sizes = { 1: 18, 2: 13, 3: 11, text: 9.5, cell: 8, foot: 8 } as const;
/** Deeper entries of a tree stand no further in. */
const maxIndent = 12;

export function openPaper({ title, language, at, typefaces, layout }: PaperHead): Paper {
  const date = new Date(at.epochMilliseconds);
  const doc = new PDFDocument({
    size: 'A4',
    layout: layout ?? 'portrait',
    margin,
    subset: 'PDF/A-3a',
    pdfVersion: '1.7',
    tagged: true,
    lang: language === 'ja' ? 'ja-JP' : 'en',
    displayTitle: true,
    bufferPages: true,
    info: {
      Title: title,
      Creator: 'Tokiwa',
      Producer: 'Tokiwa',
      CreationDate: date,
      ModDate: date,
    },
  });
  const octets: Uint8Array[] = [];
  const whole = new Promise<Uint8Array>((resolve, reject) => {
    doc.on('data', (piece: Uint8Array) => octets.push(piece));
    doc.on('end', () => {
      resolve(Buffer.concat(octets));
    });
    doc.on('error', reject);
  });
  const registered = new Set<string>();
  const root = doc.struct('Document');
  doc.addStructure(root);

  function useFont(typeface: Typeface): string {
    if (!registered.has(typeface.name)) {
      // A font that is read already does as well (pdfkit's PDFFontFactory); its types lag behind.
      doc.registerFont(typeface.name, typeface.font as unknown as Buffer);
      registered.add(typeface.name);
    }
    return typeface.name;
  }

  function fit(text: string, weight: Weight): { text: string; font: string } {
    const fitted = fitText(shownText(text), typefaces[weight]);
    return { text: fitted.text, font: useFont(fitted.typeface) };
  }

  function write(
    text: string,
    style: {
      readonly weight?: Weight;
      readonly size: number;
      readonly color?: string;
      readonly tag: string;
      readonly indent?: number;
      readonly gap?: number;
    },
    parent: PDFKit.PDFStructureElement = root,
  ): void {
    const { weight = 'regular', size, color = ink, tag, indent = 0, gap = 0 } = style;
    const fitted = fit(text, weight);
    const x = margin + indent;
    doc.font(fitted.font).fontSize(size).fillColor(color);
    doc.text(fitted.text, x, doc.y, {
      width: doc.page.width - margin - x,
      lineGap: size * 0.35,
      structParent: parent,
      structType: tag,
    });
    doc.y += gap;
  }

  /** A heading stands with what follows it. */
  function keepTogether(height: number): void {
    if (doc.y + height > doc.page.height - margin) doc.addPage();
  }

  function writeItems(
    items: readonly PaperItem[],
    depth: number,
    parent: PDFKit.PDFStructureElement,
  ): void {
    const list = doc.struct('L');
    parent.add(list);
    for (const { label, lines, children } of items) {
      const item = doc.struct('LI');
      list.add(item);
      const body = doc.struct('LBody');
      item.add(body);
      const indent = 14 * Math.min(depth, maxIndent);
      keepTogether(2 * sizes.text);
      write(label, { weight: 'bold', size: sizes.text, tag: 'P', indent }, body);
      for (const text of lines)
        write(text, { size: sizes.text, color: quiet, tag: 'P', indent }, body);
      doc.y += 3;
      if (children.length > 0) writeItems(children, depth + 1, body);
      body.end();
      item.end();
    }
    list.end();
  }

  function writeTable(columns: readonly PaperColumn[], rows: readonly (readonly string[])[]): void {
    const shares = columns.reduce((sum, column) => sum + column.share, 0);
    const width = doc.page.width - 2 * margin;
    const cell = (text: string, index: number, weight: Weight): PDFKit.Mixins.CellOptions => {
      const fitted = fit(text, weight);
      return {
        text: fitted.text,
        font: { src: fitted.font, size: sizes.cell },
        type: weight === 'bold' ? 'TH' : 'TD',
        align: { x: columns[index]?.align ?? 'left', y: 'top' },
      };
    };
    doc.x = margin;
    const options: PDFKit.Mixins.TableOptions & { structParent: PDFKit.PDFStructureElement } = {
      columnStyles: columns.map(({ share }) => ({ width: (width * share) / shares })),
      defaultStyle: {
        border: [0, 0, 0.5, 0],
        borderColor: line,
        padding: [3, 8, 3, 0],
      },
      structParent: root,
    };
    const table = doc.fillColor(ink).table(options);
    const headed = columns.some((column) => column.title !== undefined);
    if (headed) table.row(columns.map((column, index) => cell(column.title ?? '', index, 'bold')));
    for (const row of rows)
      table.row(
        row.map((text, index) => cell(text, index, headed || index > 0 ? 'regular' : 'bold')),
      );
    table.end();
    doc.x = margin;
    doc.y += 10;
  }

  function numberPages(): void {
    const { start, count } = doc.bufferedPageRange();
    for (let page = start; page < start + count; page += 1) {
      doc.switchToPage(page);
      const fitted = fit(`${title}   ${page + 1} / ${count}`, 'regular');
      // In the margin: without this a line below it would begin a page.
      doc.page.margins.bottom = 0;
      doc.markContent('Artifact', { type: 'Pagination' });
      doc.font(fitted.font).fontSize(sizes.foot).fillColor(quiet);
      doc.text(fitted.text, margin, doc.page.height - 32, {
        width: doc.page.width - 2 * margin,
        align: 'right',
        lineBreak: false,
      });
      doc.endMarkedContent();
    }
  }

  return {
    heading: (level, text) => {
      keepTogether(60);
      if (level > 1) doc.y += 8;
      write(text, { weight: 'bold', size: sizes[level], tag: `H${level}`, gap: 4 });
    },
    paragraph: (text) => {
      write(text, { size: sizes.text, tag: 'P', gap: 5 });
    },
    pairs: (pairs) => {
      writeTable([{ share: 3 }, { share: 7 }], pairs);
    },
    table: writeTable,
    items: (items) => {
      writeItems(items, 0, root);
    },
    finish: async ({ name, octets: data, type, description }) => {
      root.end();
      numberPages();
      const options: PDFKit.Mixins.PDFAttachmentOptions & { relationship: string } = {
        name,
        type,
        description,
        relationship: 'Source',
        creationDate: date,
        modifiedDate: date,
      };
      doc.file(Buffer.from(data), options);
      doc.end();
      return await whole;
    },
  };
}
