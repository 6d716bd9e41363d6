// What operators read: the status page behind `/` for browsers, and metrics. Clients do not reach it.
import type { Express, NextFunction, Request, Response } from 'express';
import { metricsMediaType, metricsText } from '../status/metrics.ts';
import { plainAnswers } from '../replies.ts';
import type { Snapshot } from '../status/snapshot.ts';
import { renderStatusPage } from '../status/status-page.ts';
import { chooseLanguage } from '../status/status-texts.ts';
import { sendPlain } from './http.ts';

/**
 * Adds `GET /` for those who accept HTML, and `GET /metrics`. `mayRead` says whether who asks may read them, and has
 * answered where not.
 */
export function addStatus(
  app: Express,
  snapshot: () => Promise<Snapshot>,
  mayRead: (request: Request, response: Response) => Promise<boolean>,
): void {
  app.get('/', async (request: Request, response: Response, next: NextFunction) => {
    response.vary('Accept, Accept-Language');
    // Programs that take anything are told how to ask for a timestamp; a browser names HTML.
    if (request.headers.accept?.includes('text/html') !== true) {
      next();
      return;
    }
    if (!(await mayRead(request, response))) return;
    const language = chooseLanguage(request.query['lang'], request.headers['accept-language']);
    response.set({ 'cache-control': 'no-store', 'content-language': language });
    response.type('html').send(renderStatusPage(await snapshot(), language));
  });
  app
    .route('/metrics')
    .get(async (request, response) => {
      if (!(await mayRead(request, response))) return;
      response.set({ 'cache-control': 'no-store', 'content-type': metricsMediaType });
      response.end(metricsText(await snapshot()));
    })
    .all((_, response) => {
      sendPlain(response, plainAnswers.readOnly());
    });
}
