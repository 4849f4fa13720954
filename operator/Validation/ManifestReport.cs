using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Operator.Entities;
using Mooring.Operator.Host;

namespace Mooring.Operator.Validation;

/// <summary>What <c>operator validate</c> found: every fleet of the files, and every file that could not be read.</summary>
internal sealed class ManifestReport
{
    private static readonly string[] Endings = [".yaml", ".yml", ".json"];
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly List<(string File, LoadedFleet Fleet)> _fleets = [];
    private readonly List<(string File, string Problem)> _unreadable = [];

    private ManifestReport() { }

    /// <summary>0: all good. 1: something is wrong with a manifest. 2: a file could not be read, or there was no fleet to look at.</summary>
    public int ExitCode =>
        _unreadable.Count > 0 || _fleets.Count == 0 ? 2
        : _fleets.Exists(entry => entry.Fleet.Errors.Count > 0) ? 1
        : 0;

    /// <summary>Reads every source: <c>-</c> is <paramref name="input"/>, a directory stands for the manifests right in it.</summary>
    public static ManifestReport Read(IEnumerable<string> sources, TextReader input, bool forHost)
    {
        var report = new ManifestReport();
        foreach (var source in sources)
        {
            if (source == "-")
            {
                report.Add("standard input", ReadBounded(input), forHost);
            }
            else if (Directory.Exists(source))
            {
                report.ReadFolder(source, forHost);
            }
            else
            {
                report.ReadFile(source, forHost);
            }
        }

        return report;
    }

    public void WriteText(TextWriter output, TextWriter errors)
    {
        foreach (var (file, fleet) in _fleets)
        {
            if (fleet.Errors.Count == 0)
            {
                output.WriteLine($"{file}: {fleet.Name} is good");
            }

            foreach (var error in fleet.Errors)
            {
                errors.WriteLine(error.Line is { } line ? $"{file}:{line}: {error}" : $"{file}: {error}");
            }
        }

        foreach (var (file, problem) in _unreadable)
        {
            errors.WriteLine($"{file}: {problem}");
        }

        if (_fleets.Count == 0 && _unreadable.Count == 0)
        {
            errors.WriteLine("there is no ConnectionFleet in what was given");
        }
    }

    public void WriteJson(TextWriter output)
    {
        var fleets = _fleets.Select(entry =>
            (JsonNode?)
                new JsonObject
                {
                    ["file"] = entry.File,
                    ["fleet"] = entry.Fleet.Name,
                    ["valid"] = entry.Fleet.Errors.Count == 0,
                    ["errors"] = new JsonArray([
                        .. entry.Fleet.Errors.Select(error =>
                            (JsonNode?)
                                new JsonObject
                                {
                                    ["line"] = error.Line,
                                    ["path"] = error.Path,
                                    ["message"] = error.Message,
                                }
                        ),
                    ]),
                }
        );
        var unreadable = _unreadable.Select(entry => (JsonNode?)new JsonObject { ["file"] = entry.File, ["problem"] = entry.Problem });
        var report = new JsonObject
        {
            ["valid"] = ExitCode == 0,
            ["fleets"] = new JsonArray([.. fleets]),
            ["unreadable"] = new JsonArray([.. unreadable]),
        };
        output.WriteLine(report.ToJsonString(Indented));
    }

    private void ReadFolder(string folder, bool forHost)
    {
        try
        {
            foreach (
                var file in Directory
                    .GetFiles(folder)
                    .Where(file => Endings.Contains(Path.GetExtension(file)))
                    .Order(StringComparer.Ordinal)
            )
            {
                ReadFile(file, forHost);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            _unreadable.Add((folder, error.Message));
        }
    }

    private void ReadFile(string file, bool forHost)
    {
        try
        {
            using var reader = File.OpenText(file);
            Add(file, ReadBounded(reader), forHost);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            _unreadable.Add((file, error.Message));
        }
    }

    private void Add(string file, string text, bool forHost)
    {
        var loaded = FleetManifest.LoadAll(text).Select(one => forHost ? WithHostRules(one) : one).ToList();
        if (
            forHost
            && HostManifest.CheckTogether(loaded.Select(static one => one.Fleet).OfType<ConnectionFleet>()).ToList()
                is { Count: > 0 } errors
        )
        {
            // Of the last: each by itself is good.
            var last = loaded.FindLastIndex(static one => one.Fleet is not null);
            loaded[last] = loaded[last] with { Fleet = null, Errors = [.. errors.Select(static error => new FieldError("", error))] };
        }

        _fleets.AddRange(loaded.Select(one => (file, one)));
    }

    private static LoadedFleet WithHostRules(LoadedFleet loaded) =>
        loaded.Fleet is { } fleet && FleetValidator.ValidateForHost(fleet) is { Count: > 0 } errors
            ? loaded with
            {
                Fleet = null,
                Errors = errors,
            }
            : loaded;

    // One character more than the reader takes, so that too much is told from just enough.
    private static string ReadBounded(TextReader reader)
    {
        var buffer = new char[YamlReader.MaxLength + 1];
        return new string(buffer, 0, reader.ReadBlock(buffer));
    }
}
