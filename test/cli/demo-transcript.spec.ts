import { DemoTranscript } from '../../src/cli/demo-transcript.js';

describe('the transcript of a demonstration', () => {
  it('is text for a reader, and the same steps for a program', async () => {
    let printed = '';
    const transcript = new DemoTranscript(async (text) => void (printed += text));
    await transcript.command('export A=1');
    await transcript.about('Was she logged in?');
    await transcript.command('ask alice', 'yes\n\n0');
    expect(printed).toBe('$ export A=1\n\n# Was she logged in?\n$ ask alice\nyes\n0\n');
    expect(transcript.steps).toEqual([
      { about: null, command: 'export A=1', printed: [] },
      { about: 'Was she logged in?', command: 'ask alice', printed: ['yes', '0'] },
    ]);
  });
});
