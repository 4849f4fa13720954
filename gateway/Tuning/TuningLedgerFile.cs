using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mooring.Gateway.Tuning;

/// <summary>The ledger as a file on the host, shared by the tuners of all fleets on the node.</summary>
/// <remarks>One process at a time has it open; a crash leaves either the old file or the new one.</remarks>
internal sealed class TuningLedgerFile(string directory)
{
    private const long MaxBytes = 1024 * 1024;
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LockRetry = TimeSpan.FromMilliseconds(50);

    private string FilePath => Path.Combine(directory, "tuning.json");

    /// <summary>Changes the ledger: <paramref name="change"/> gets it and returns the new one. One that is no other is not written.</summary>
    /// <exception cref="IOException">The file cannot be read or written, or another tuner keeps it for 10 s.</exception>
    /// <exception cref="InvalidDataException">The file is no ledger; it is left as it is, for its originals are worth more than our start.</exception>
    public async Task ChangeAsync(Func<TuningLedger, Task<TuningLedger>> change, TimeProvider time, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        await using var held = await LockAsync(time, cancellation);
        var before = Read();
        var after = await change(before);
        if (!ReferenceEquals(before, after))
        {
            Write(after);
        }
    }

    /// <summary>Puts a ledger on disk while <see cref="ChangeAsync"/> holds the lock, unless it is there.</summary>
    public void Write(TuningLedger ledger)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(ledger, TuningJson.Default.TuningLedger);
        if (File.Exists(FilePath) && File.ReadAllBytes(FilePath).AsSpan().SequenceEqual(json))
        {
            return;
        }

        var next = FilePath + ".next";
        using (var file = new FileStream(next, FileMode.Create, FileAccess.Write))
        {
            file.Write(json);
            file.Flush(flushToDisk: true);
        }

        File.Move(next, FilePath, overwrite: true);
    }

    /// <summary>What is on disk.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is no ledger.</exception>
    public TuningLedger Read()
    {
        if (!File.Exists(FilePath))
        {
            return TuningLedger.Empty;
        }

        if (new FileInfo(FilePath).Length > MaxBytes)
        {
            throw new InvalidDataException($"{FilePath} is longer than {MaxBytes} bytes: no ledger");
        }

        try
        {
            using var file = File.OpenRead(FilePath);
            return JsonSerializer.Deserialize(file, TuningJson.Default.TuningLedger) is { Version: 1 } ledger
                ? ledger
                : throw new InvalidDataException($"{FilePath} is of another version");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{FilePath}: {error.Message}", error);
        }
    }

    private async Task<FileStream> LockAsync(TimeProvider time, CancellationToken cancellation)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            try
            {
                // FileShare.None is flock(2) here: it goes with the process, however that ends.
                return new FileStream(Path.Combine(directory, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (time.GetElapsedTime(start) < LockTimeout)
            {
                await Task.Delay(LockRetry, time, cancellation);
            }
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(TuningLedger))]
[JsonSerializable(typeof(NodeSettings))]
internal sealed partial class TuningJson : JsonSerializerContext;
