using System.CommandLine;

namespace Mooring.Gateway.Bench;

/// <summary><c>gateway bench</c>: the small peers and loads that samples, tests and benchmarks use.</summary>
internal static class BenchCommand
{
    public static Command Create() => new("bench", "Small servers and loads for samples, tests and benchmarks") { EchoCommand.Create() };
}
