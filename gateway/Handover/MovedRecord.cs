using System.Net;

namespace Mooring.Gateway.Handover;

/// <summary>Where something that is handed over belongs, by names that both processes know.</summary>
internal abstract record MovedRecord
{
    /// <summary>Name of the listener that accepted it, at most 63 bytes.</summary>
    public required string Listener { get; init; }

    /// <summary>Name of the backend, at most 63 bytes; empty where it is not known.</summary>
    public required string Backend { get; init; }

    /// <summary>Id of the endpoint, at most 253 bytes.</summary>
    public required string Endpoint { get; init; }

    /// <summary>Address and port of the endpoint.</summary>
    public required IPEndPoint EndpointAddress { get; init; }

    /// <summary>Descriptors that go with it.</summary>
    public abstract int Descriptors { get; }
}
