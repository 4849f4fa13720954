using Mooring.Gateway.Balancing;

namespace Mooring.Gateway.Tests.Balancing;

/// <summary>Endpoints as plain arrays.</summary>
internal readonly struct ArrayView(int[] connections, int[]? weights = null, bool[]? available = null) : IEndpointView
{
    public int Count => connections.Length;

    public int Connections(int index) => connections[index];

    public int Weight(int index) => weights?[index] ?? 1;

    public bool Available(int index) => available?[index] ?? true;
}
