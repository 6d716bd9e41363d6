// Addresses for those who run the proxy, on a listener that says so: by certificate and role, never from another page of
// a browser, each act with its actor in the audit log.
import type { Express, NextFunction, Request, Response } from 'express';
import { ConfigError } from '#shared/errors.ts';
import type { Administration } from '../clients/administration.ts';
import type { Role } from '../clients/clients.ts';
import { plainAnswers } from '../replies.ts';
import { createAdmit, type AdmitOptions, type LetIn } from './admit.ts';
import { sendPlain } from './http.ts';

/** A page of elsewhere can have a browser send its user's certificate along; it cannot hide where it is from. */
function isFromElsewhere({ headers }: Request): boolean {
  const site = headers['sec-fetch-site'];
  return headers.origin !== undefined || (site !== undefined && site !== 'none');
}

type Act = (letIn: LetIn, request: Request, response: Response) => Promise<void>;

/** Adds `POST /admin/reload`, `GET /admin/clients`, `POST` and `DELETE /admin/clients/NAME/keys`. */
export function addAdministration(
  app: Express,
  options: AdmitOptions,
  administration: Administration,
): void {
  const guarded = (role: Role, act: Act) => {
    const admit = createAdmit(options, role);
    return async (request: Request, response: Response): Promise<void> => {
      const letIn = await admit(request, response, undefined);
      if (!letIn) return;
      response.set('cache-control', 'no-store');
      try {
        await act(letIn, request, response);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        response.status(409).type('text/plain').send(`${error.message}\n`);
      }
    };
  };
  app.use('/admin', (request: Request, response: Response, next: NextFunction) => {
    if (isFromElsewhere(request)) sendPlain(response, plainAnswers.notAllowed());
    else next();
  });
  const otherwise = (_: Request, response: Response): void => {
    sendPlain(response, plainAnswers.wrongMethod());
  };
  const nameOf = (request: Request): string => String(request.params['name']);
  app
    .route('/admin/reload')
    .post(
      guarded('operate', async ({ asking }, _, response) => {
        await administration.reload(asking);
        response.type('text/plain').send('reloaded\n');
      }),
    )
    .all(otherwise);
  app
    .route('/admin/clients')
    .get(
      guarded('administer', async (_, __, response) => {
        response.json(await administration.list());
      }),
    )
    .all(otherwise);
  app
    .route('/admin/clients/:name/keys')
    .post(
      guarded('administer', async ({ asking }, request, response) => {
        const key = await administration.addKey(asking, nameOf(request));
        if (key === undefined) sendPlain(response, plainAnswers.unknownAddress());
        else response.status(201).type('text/plain').send(`${key}\n`);
      }),
    )
    .delete(
      guarded('administer', async ({ asking }, request, response) => {
        const removed = await administration.removeKeys(asking, nameOf(request));
        response.json({ removed });
      }),
    )
    .all(otherwise);
}
