/** Names every test that did not run; with CI=true one such test fails the run, so that a skip is never mistaken for a pass. */
export default class SkippedTestsReporter {
  #skipped = [];

  onTestResult(test, result) {
    for (const { status, fullName } of result.testResults) {
      if (status !== 'passed' && status !== 'failed') this.#skipped.push(`${fullName} (${status})`);
    }
  }

  onRunComplete() {
    if (this.#skipped.length === 0) return;
    process.stderr.write(
      `\nSkipped tests: ${this.#skipped.length}${isForbidden() ? ', and CI=true allows none' : ''}\n${this.#skipped.map((name) => `  ${name}\n`).join('')}`,
    );
  }

  getLastError() {
    if (!isForbidden() || this.#skipped.length === 0) return undefined;
    return new Error(`${this.#skipped.length} test(s) were skipped, and CI=true allows none`);
  }
}

function isForbidden() {
  return process.env.CI === 'true';
}
