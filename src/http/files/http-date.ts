// Reading HTTP's dates (RFC 9110 section 5.6.7): the form of today and the two of old that a recipient must still know. Strict, unlike
// `Date.parse`, which takes nearly anything and reads a date without a zone as local time. Writing them is in wire/date.ts.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** Days before each month of a year that is no leap year. */
const DAYS_BEFORE = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
const DAYS_TO_1970 = daysBeforeYear(1970);
const YEAR_MS = 365.2425 * 86_400_000;

const MONTH = `(${MONTHS.join("|")})`;
const TIME = "(\\d\\d):(\\d\\d):(\\d\\d)";
/** `Sun, 06 Nov 1994 08:49:37 GMT` */
const FIXED = new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\\d\\d) ${MONTH} (\\d{4}) ${TIME} GMT$`);
/** `Sunday, 06-Nov-94 08:49:37 GMT` */
const RFC850 = new RegExp(`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\\d\\d)-${MONTH}-(\\d\\d) ${TIME} GMT$`);
/** `Sun Nov  6 08:49:37 1994` */
const ASCTIME = new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${MONTH} ([ \\d]\\d) ${TIME} (\\d{4})$`);

/** Ms since 1970 of the date that `text` is, `null` when it is none. A year of two digits lies within 50 years of `nowMs` or before. */
export function parseDate(text: string, nowMs: number): number | null {
  let match = FIXED.exec(text);
  if (match !== null) {
    const [, day, month, year, ...time] = match;
    return dateOf(Number(year), month, Number(day), time);
  }
  match = RFC850.exec(text);
  if (match !== null) {
    const [, day, month, year, ...time] = match;
    return dateOf(fullYear(Number(year), nowMs), month, Number(day), time);
  }
  match = ASCTIME.exec(text);
  if (match === null) return null;
  const [, month, day, hours, minutes, seconds, year] = match;
  return dateOf(Number(year), month, Number(day), [hours, minutes, seconds]);
}

function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = 1970 + Math.floor(nowMs / YEAR_MS);
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}

function dateOf(year: number, monthName: string | undefined, day: number, time: (string | undefined)[]): number | null {
  const month = MONTHS.indexOf(monthName as string);
  const [hours = 0, minutes = 0, seconds = 0] = time.map(Number);
  const leapDay = isLeap(year) ? 1 : 0;
  const before = DAYS_BEFORE[month] as number;
  const daysOfMonth = (DAYS_BEFORE[month + 1] as number) - before + (month === 1 ? leapDay : 0);
  // A leap second is written as 60.
  if (day < 1 || day > daysOfMonth || hours > 23 || minutes > 59 || seconds > 60) return null;
  const days = daysBeforeYear(year) - DAYS_TO_1970 + before + (month > 1 ? leapDay : 0) + day - 1;
  return ((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000;
}

/** Days from the first day of the calendar to 1 January of `year`. */
function daysBeforeYear(year: number): number {
  const past = year - 1;
  return past * 365 + Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400);
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}
