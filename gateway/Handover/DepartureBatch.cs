using Mooring.Gateway.Listeners;

namespace Mooring.Gateway.Handover;

/// <summary>Takes what can be handed over out of a loop's hands. For the loop's thread only.</summary>
internal interface IDepartures
{
    /// <summary>What can be handed over, in no order.</summary>
    List<OpenConnection> List();

    /// <summary>Takes off <paramref name="candidates"/> until a batch is full or there are no more; null: nothing was left to take.</summary>
    DepartureBatch? Take(Queue<OpenConnection> candidates);
}

/// <summary>What goes over a link in one message.</summary>
/// <param name="Kind">How the other side is to read it.</param>
/// <param name="Count">Connections or flows in it.</param>
/// <param name="Write">Makes the bytes of the message. For any thread.</param>
/// <param name="Descriptors">What goes along, in the records' order; this process's to close.</param>
/// <param name="PutBack">Puts one of them back, by its place: nobody else has it. For the loop's thread only.</param>
/// <param name="Left">Another process has it. For the loop's thread only.</param>
internal sealed record DepartureBatch(
    LinkMessage Kind,
    int Count,
    Func<byte[]> Write,
    IReadOnlyList<int> Descriptors,
    Action<int> PutBack,
    Action<int> Left
);
