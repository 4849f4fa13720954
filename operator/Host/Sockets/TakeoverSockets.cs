namespace Mooring.Operator.Host.Sockets;

/// <summary>Names the Unix sockets at which a fleet's gateways hand connections over to one another.</summary>
/// <remarks>A name is used once, so nobody takes a successor for the one before. Not thread-safe.</remarks>
/// <param name="handoverPath">Path of the fleet's socket for listening sockets; the others lie beside it.</param>
internal sealed class TakeoverSockets(string handoverPath)
{
    private readonly string _prefix = Path.ChangeExtension(handoverPath, null);
    private readonly Dictionary<ChildSlot, string> _paths = [];
    private int _number;

    /// <summary>What all of them are called.</summary>
    public string Pattern => _prefix + "-*.sock";

    /// <summary>The path for a process that is about to start.</summary>
    public string Next(ChildSlot slot)
    {
        Delete(slot);
        return _paths[slot] = $"{_prefix}-{++_number}.sock";
    }

    /// <summary>Removes what processes left behind that did not end by themselves.</summary>
    public void Tidy(IEnumerable<ChildSlot> slots)
    {
        foreach (var slot in slots.Where(static slot => slot.Phase is SlotPhase.Waiting or SlotPhase.Gone))
        {
            Delete(slot);
        }
    }

    private void Delete(ChildSlot slot)
    {
        if (_paths.Remove(slot, out var path))
        {
            StateFile.Delete(path);
        }
    }
}
