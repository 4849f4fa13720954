namespace Mooring.Benchmarks.Load;

/// <summary>The server under test did not carry what it was given; the message says what was seen.</summary>
internal sealed class LoadFailedException(string message) : Exception(message);
