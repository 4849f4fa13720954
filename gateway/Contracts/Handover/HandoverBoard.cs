namespace Mooring.Contracts.Handover;

/// <summary>The file beside the socket of the handover that the gateways which share listening sockets map: each tells the others how many connections it has.</summary>
/// <remarks>
/// Made by the owner of the sockets, all zero, before any gateway starts, and removed by it. 64 bytes, of which the first 4 are how many slots have ever been used, then
/// <see cref="Slots"/> of 64 bytes. A slot, in 32-bit numbers: the process that has it (0: none), its open connections, how many of its loops accept,
/// how many connections it has accepted (and on from the least after the greatest), 1 if it was called and has not looked yet. Calls are a byte written to a FIFO of its own. A gateway without one, or that finds none free, serves all the same.
/// </remarks>
public static class HandoverBoard
{
    /// <summary>Gateways that there is room for.</summary>
    public const int Slots = 255;

    /// <summary>Of the head and of each slot: one cache line.</summary>
    public const int SlotBytes = 64;

    public const int Bytes = SlotBytes * (1 + Slots);

    /// <summary>Where it is.</summary>
    /// <param name="handoverPath">Path of the Unix socket.</param>
    public static string PathOf(string handoverPath) => Path.ChangeExtension(handoverPath, ".board");

    /// <summary>The FIFO of the gateway with that slot.</summary>
    public static string BellOf(string boardPath, int slot) => $"{boardPath}.{slot}";

    /// <summary>Removes it and what gateways have left behind.</summary>
    public static void Delete(string handoverPath)
    {
        var path = PathOf(handoverPath);
        foreach (var left in Directory.GetFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path) + ".*").Append(path))
        {
            File.Delete(left);
        }
    }

    /// <summary>Makes a new one, in place of any that an owner has left behind.</summary>
    public static void Create(string handoverPath)
    {
        Delete(handoverPath);
        var path = PathOf(handoverPath);
        using var file = new FileStream(
            path,
            new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }
        );
        file.SetLength(Bytes);
    }
}
