/** Whether this is `npm run test:long`: then what is random runs a hundred times as often, and what is killed is killed more often. */
export const isLong: boolean = process.env["QUARTET_TEST_LENGTH"] === "long";
