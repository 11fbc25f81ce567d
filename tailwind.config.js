/** Where utilities are looked for. The tokens are in style/tailwind.css, which names this file.
 *  @type {import('tailwindcss').Config} */
module.exports = {
  content: { relative: true, files: ["./src/**/*.rs"] },
};
