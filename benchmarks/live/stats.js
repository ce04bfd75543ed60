// What the browser counts of a connection since it began, called back with one object: of "video" and "audio" each.
const done = arguments[arguments.length - 1];
rtc.connection.getStats().then((report) => {
  const found = {};
  report.forEach((one) => {
    if (one.type === "inbound-rtp") found[one.kind] = one;
  });
  done(found);
});
