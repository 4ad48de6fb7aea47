export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" fill="#0d6cf2" />
      <path d="M5 19h22l-4 6H9z" fill="#fff" />
      <path d="M10 17V8h3v9zM15 17V10l8 7z" fill="#b3d3ff" />
    </svg>
  );
}
