namespace Mooring.Benchmarks.Harness;

/// <summary>The benchmark cannot go on, or a server broke a connection; the message says what to do or what was seen.</summary>
internal sealed class BenchmarkException(string message) : Exception(message);
