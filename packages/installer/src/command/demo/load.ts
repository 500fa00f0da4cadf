const articles = ["teapot", "cup", "tea"];

export interface Load {
  /** Requests answered so far, whatever the answer. */
  answered(): number;
  /** Starts no further request and waits for those under way. */
  stop(): Promise<void>;
}

/** Buys something `perSecond` times a second; at most 50 requests are under way at once. */
export function startLoad(settings: { readonly gatewayUrl: string; readonly perSecond: number }): Load {
  const underWay = new Set<Promise<void>>();
  let sent = 0;
  let answered = 0;
  const buy = async (): Promise<void> => {
    const article = articles[sent % articles.length]!;
    sent += 1;
    try {
      const response = await fetch(`${settings.gatewayUrl}/buy/${article}`, {
        method: "POST",
        signal: AbortSignal.timeout(8_000),
      });
      await response.arrayBuffer();
      answered += 1;
    } catch (error) {
      // A customer who gets no answer goes away; the services' own spans tell the story.
      if (!(error instanceof Error)) throw error;
    }
  };
  const timer = setInterval(() => {
    if (underWay.size >= 50) return;
    const request = buy().finally(() => underWay.delete(request));
    underWay.add(request);
  }, 1_000 / settings.perSecond);
  return {
    answered: () => answered,
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
    },
  };
}
