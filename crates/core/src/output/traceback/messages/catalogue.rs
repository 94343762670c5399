//! The catalogue: how public messages begin, and what we say for each.
//!
//! Grown from the public sources of the interpreter and the training stack, never from what users send. The
//! first entry that matches wins, so a longer form stands before its shorter one. Each has an example, and a
//! test that it is the entry that its example finds.

/// One public message.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// How the message begins; its groups fill the holes in order.
    pub pattern: &'static str,
    /// What is said; `{int}`, `{size}`, `{errno}` and `{word}` are the holes.
    pub says: &'static str,
    /// A message of this kind; only tests look at it.
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "only tests read the examples; they stand beside the pattern for the reader"
        )
    )]
    pub example: &'static str,
}

macro_rules! entries {
    ($($pattern:literal => $says:literal, $example:literal;)*) => {
        &[$(Entry { pattern: $pattern, says: $says, example: $example },)*]
    };
}

/// All public messages that are known.
pub const CATALOGUE: &[Entry] = entries! {
    // Memory.
    r"(?:HIP|CUDA) out of memory\. Tried to allocate ([0-9.]{1,8} [KMGT]iB)\. GPU ([0-9]{1,3}) has a total capacity of ([0-9.]{1,8} [KMGT]iB) of which ([0-9.]{1,8} [KMGT]iB|[0-9]{1,4} bytes) is free\." =>
        "CUDA out of memory. Tried to allocate {size}. GPU {int} has a total capacity of {size} of which {size} is free.",
        "CUDA out of memory. Tried to allocate 1.50 GiB. GPU 2 has a total capacity of 47.54 GiB of which 310.00 MiB is free. Process 7";
    r"(?:HIP|CUDA) out of memory\. Tried to allocate ([0-9.]{1,8} [KMGT]iB)" =>
        "CUDA out of memory. Tried to allocate {size}.", "CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 23.65 GiB total capacity";
    r"(?:HIP|CUDA) out of memory" => "CUDA out of memory.", "CUDA out of memory.";
    r"CUDA error: out of memory" => "CUDA error: out of memory", "CUDA error: out of memory\nCUDA kernel errors might be";
    r"XPU out of memory" => "XPU out of memory.", "XPU out of memory. Tried";
    r"MPS backend out of memory" => "MPS backend out of memory", "MPS backend out of memory (MPS allocated: 9.00 GB";
    r"\[enforce fail at alloc_cpu\.cpp:[0-9]{1,4}\]" => "DefaultCPUAllocator: can't allocate memory", "[enforce fail at alloc_cpu.cpp:114] err == 0. DefaultCPUAllocator: can't allocate memory";
    r"DefaultCPUAllocator: (?:can't allocate|not enough) memory" => "DefaultCPUAllocator: can't allocate memory", "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes";
    r"Unable to allocate ([0-9.]{1,8} [KMGT]iB) for an array" => "Unable to allocate {size} for an array", "Unable to allocate 3.20 GiB for an array with shape (1, 2)";
    r"\[Errno ([0-9]{1,3})\]" => "[Errno {errno}", "[Errno 2] No such file or directory: 'x'";
    r"\[WinError ([0-9]{1,5})\]" => "[WinError {int}]", "[WinError 5] Access is denied: 'x'";
    // CUDA and its libraries.
    r"CUDA error: device-side assert triggered" => "CUDA error: device-side assert triggered", "CUDA error: device-side assert triggered\nCUDA";
    r"CUDA error: an illegal memory access was encountered" => "CUDA error: an illegal memory access was encountered", "CUDA error: an illegal memory access was encountered\n";
    r"CUDA error: (CUBLAS_STATUS_[A-Z_]{1,40})" => "CUDA error: {word}", "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`";
    r"CUDA error: no kernel image is available" => "CUDA error: no kernel image is available for execution on the device", "CUDA error: no kernel image is available for execution on the device";
    r"CUDA error: invalid device ordinal" => "CUDA error: invalid device ordinal", "CUDA error: invalid device ordinal";
    r"CUDA error: uncorrectable ECC error" => "CUDA error: uncorrectable ECC error encountered", "CUDA error: uncorrectable ECC error encountered";
    r"CUDA error: unspecified launch failure" => "CUDA error: unspecified launch failure", "CUDA error: unspecified launch failure";
    r"CUDA error: misaligned address" => "CUDA error: misaligned address", "CUDA error: misaligned address";
    r"CUDA error: all CUDA-capable devices are busy" => "CUDA error: all CUDA-capable devices are busy or unavailable", "CUDA error: all CUDA-capable devices are busy or unavailable";
    r"CUDA error: initialization error" => "CUDA error: initialization error", "CUDA error: initialization error";
    r"CUDA error: invalid configuration argument" => "CUDA error: invalid configuration argument", "CUDA error: invalid configuration argument";
    r"CUDA error: invalid argument" => "CUDA error: invalid argument", "CUDA error: invalid argument";
    r"CUDA error: the launch timed out" => "CUDA error: the launch timed out and was terminated", "CUDA error: the launch timed out and was terminated";
    r"CUDA error:" => "CUDA error", "CUDA error: something new";
    r"(?:cuDNN error: )(CUDNN_STATUS_[A-Z_]{1,40})" => "cuDNN error: {word}", "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED";
    r"cuda runtime error \(([0-9]{1,4})\)" => "cuda runtime error ({int})", "cuda runtime error (59) : device-side assert triggered at";
    r"CUDA driver initialization failed" => "CUDA driver initialization failed", "CUDA driver initialization failed, you might not have a CUDA gpu.";
    r"Found no NVIDIA driver on your system" => "Found no NVIDIA driver on your system", "Found no NVIDIA driver on your system. Please check";
    r"The NVIDIA driver on your system is too old" => "The NVIDIA driver on your system is too old", "The NVIDIA driver on your system is too old (found version 11040).";
    r"No CUDA GPUs are available" => "No CUDA GPUs are available", "No CUDA GPUs are available";
    r"Torch not compiled with CUDA enabled" => "Torch not compiled with CUDA enabled", "Torch not compiled with CUDA enabled";
    r"Attempting to deserialize object on a CUDA device" => "Attempting to deserialize object on a CUDA device", "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False";
    r"Cannot re-initialize CUDA in forked subprocess" => "Cannot re-initialize CUDA in forked subprocess", "Cannot re-initialize CUDA in forked subprocess. To use CUDA";
    r"out of resource: shared memory, Required: ([0-9]{1,6}), Hardware limit: ([0-9]{1,6})" => "out of resource: shared memory, Required: {int}, Hardware limit: {int}", "out of resource: shared memory, Required: 180224, Hardware limit: 101376. Reducing";
    // Tensors.
    r"Expected all tensors to be on the same device" => "Expected all tensors to be on the same device", "Expected all tensors to be on the same device, but found at least two";
    r"mat1 and mat2 shapes cannot be multiplied \(([0-9]{1,6})x([0-9]{1,6}) and ([0-9]{1,6})x([0-9]{1,6})\)" => "mat1 and mat2 shapes cannot be multiplied ({int}x{int} and {int}x{int})", "mat1 and mat2 shapes cannot be multiplied (4x10 and 12x3)";
    r"mat1 and mat2 must have the same dtype, but got (\w{1,12}) and (\w{1,12})" => "mat1 and mat2 must have the same dtype, but got {word} and {word}", "mat1 and mat2 must have the same dtype, but got Float and Half";
    r"expected (?:m1 and m2|scalar type|mat1 and mat2)\b.{0,40}? to have the same dtype" => "expected both operands to have the same dtype", "expected m1 and m2 to have the same dtype, but got: float != double";
    r"expected scalar type (\w{1,12}) but found (\w{1,12})" => "expected scalar type {word} but found {word}", "expected scalar type Half but found Float";
    r"The size of tensor a \(([0-9]{1,12})\) must match the size of tensor b \(([0-9]{1,12})\) at non-singleton dimension ([0-9]{1,2})" => "The size of tensor a ({int}) must match the size of tensor b ({int}) at non-singleton dimension {int}", "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1";
    r"Expected input batch_size \(([0-9]{1,20})\) to match target" => "Expected input batch_size ({int}) to match target batch_size", "Expected input batch_size (8) to match target batch_size (4).";
    r"shape '\[[-0-9, ]{0,60}\]' is invalid for input of size" => "shape is invalid for input of this size", "shape '[2, -1]' is invalid for input of size 7";
    r"Sizes of tensors must match except in dimension ([0-9]{1,2})" => "Sizes of tensors must match except in dimension {int}", "Sizes of tensors must match except in dimension 1. Expected size 2";
    r"element 0 of tensors does not require grad" => "element 0 of tensors does not require grad and does not have a grad_fn", "element 0 of tensors does not require grad and does not have a grad_fn";
    r"Trying to backward through the graph a second time" => "Trying to backward through the graph a second time", "Trying to backward through the graph a second time (or directly";
    r"one of the variables needed for gradient computation has been modified by an inplace operation" => "one of the variables needed for gradient computation has been modified by an inplace operation", "one of the variables needed for gradient computation has been modified by an inplace operation: [torch.F";
    r"Expected to have finished reduction in the prior iteration" => "Expected to have finished reduction in the prior iteration before starting a new one", "Expected to have finished reduction in the prior iteration before starting a new one. This";
    r"Expected to mark a variable ready only once" => "Expected to mark a variable ready only once", "Expected to mark a variable ready only once. This error";
    r"Inplace update to inference tensor outside InferenceMode" => "Inplace update to inference tensor outside InferenceMode is not allowed", "Inplace update to inference tensor outside InferenceMode is not allowed.";
    r"Error\(s\) in loading state_dict for" => "Error(s) in loading state_dict", "Error(s) in loading state_dict for Net:";
    r"size mismatch for" => "size mismatch for a parameter", "size mismatch for lm_head.weight: copying a param";
    r"probability tensor contains either `inf`, `nan` or element < 0" => "probability tensor contains either `inf`, `nan` or element < 0", "probability tensor contains either `inf`, `nan` or element < 0";
    r"index out of range in self" => "index out of range in self", "index out of range in self";
    r"Boolean value of Tensor with more than one value is ambiguous" => "Boolean value of Tensor with more than one value is ambiguous", "Boolean value of Tensor with more than one value is ambiguous";
    r"FlashAttention only supports? Ampere GPUs or newer" => "FlashAttention only supports Ampere GPUs or newer", "FlashAttention only supports Ampere GPUs or newer.";
    r"Unable to create tensor, you should probably activate truncation" => "Unable to create tensor, you should probably activate truncation and/or padding", "Unable to create tensor, you should probably activate truncation and/or padding with";
    r"Asking to pad but the tokenizer does not have a padding token" => "Asking to pad but the tokenizer does not have a padding token", "Asking to pad but the tokenizer does not have a padding token. Please";
    // Processes that work together.
    r"(?:\[Rank [0-9]{1,5}\] )?Watchdog caught collective operation timeout" => "Watchdog caught collective operation timeout", "[Rank 0] Watchdog caught collective operation timeout: WorkNCCL(";
    r"(?:\[[^\]]{0,80}\] ?)?(?:NCCL|Process group) watchdog thread terminated with exception: CUDA error: (device-side assert triggered|an illegal memory access was encountered|unspecified launch failure|uncorrectable ECC error encountered|the launch timed out and was terminated|out of memory)" =>
        "Watchdog thread terminated with exception: CUDA error: {word}", "[PG ID 0 PG GUID 0 Rank 0] Process group watchdog thread terminated with exception: CUDA error: an illegal memory access was encountered";
    r"(?:\[[^\]]{0,80}\] ?)?(?:NCCL|Process group) watchdog thread terminated with exception" => "Watchdog thread terminated with exception", "[Rank 0] NCCL watchdog thread terminated with exception: [x";
    r"NCCL (?:error|Error)(?: [0-9]{1,2})?[: ].{0,200}?\b(nccl[A-Z][A-Za-z]{1,30}|unhandled cuda error|unhandled system error|remote process exited or there was a network error|invalid usage)" => "NCCL error: {word}", "NCCL error in: ../x.cpp:2, unhandled system error (run with NCCL_DEBUG=INFO";
    r"NCCL (?:error|Error)" => "NCCL error", "NCCL error in: ../x.cpp:2";
    r".{0,200}?Connection closed by peer" => "Connection closed by peer", "[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.1]:3483";
    r".{0,200}?Connection reset by peer" => "Connection reset by peer", "[x] Read error [10.0.0.1]:1: Connection reset by peer";
    r"The server socket has failed to listen on any local network address" => "The server socket has failed to listen on any local network address", "The server socket has failed to listen on any local network address. port: 29500";
    r"The client socket has (?:failed to connect|timed out)" => "The client socket has failed to connect or timed out", "The client socket has timed out after 60000ms while trying to connect to (h, 29500).";
    r"Timed out (?:initializing process group|after [0-9]{1,6} ?(?:s|ms|seconds) waiting)" => "Timed out waiting for other processes", "Timed out initializing process group in store based barrier";
    r"Default process group has not been initialized" => "Default process group has not been initialized", "Default process group has not been initialized, please make sure";
    r"Duplicate GPU detected" => "Duplicate GPU detected", "Duplicate GPU detected : rank 1 and rank 0 both on CUDA device";
    r"DataLoader worker \(pid\(s\) [0-9, ]{1,80}\) exited unexpectedly" => "DataLoader worker exited unexpectedly", "DataLoader worker (pid(s) 7) exited unexpectedly";
    r"DataLoader worker \(pid [0-9]{1,8}\) is killed by signal: ([A-Za-z ]{1,30}?)\." => "DataLoader worker is killed by signal: {word}.", "DataLoader worker (pid 7) is killed by signal: Killed. ";
    r"DataLoader worker \(pid [0-9]{1,8}\)" => "DataLoader worker failed", "DataLoader worker (pid 7) exited with";
    r"'?Caught (\w{1,40}) in DataLoader worker process ([0-9]{1,4})" => "Caught {word} in DataLoader worker process {int}.", "Caught KeyError in DataLoader worker process 0.";
    r"'?Caught (\w{1,40}) in replica ([0-9]{1,4}) on device" => "Caught {word} in replica {int}", "Caught RuntimeError in replica 1 on device 1.";
    r"process ([0-9]{1,4}) terminated with signal (SIG[A-Z0-9]{1,8})" => "process {int} terminated with signal {word}", "process 2 terminated with signal SIGSEGV";
    r"process ([0-9]{1,4}) terminated with exit code ([0-9]{1,3})" => "process {int} terminated with exit code {int}", "process 2 terminated with exit code 1";
    r"-- Process ([0-9]{1,4}) terminated with the following error" => "Process {int} terminated with an error", "-- Process 1 terminated with the following error:";
    r"Command .*returned non-zero exit status ([0-9]{1,3})\." => "Command returned non-zero exit status {int}.", "Command '['/a/python', 't.py']' returned non-zero exit status 1.";
    r"Command .*died with <Signals\.(SIG[A-Z0-9]{1,8}): ([0-9]{1,2})>" => "Command died with {word} ({int})", "Command '['/a/python']' died with <Signals.SIGKILL: 9>.";
    r"A process in the process pool was terminated abruptly" => "A process in the process pool was terminated abruptly", "A process in the process pool was terminated abruptly while the future was running or pending.";
    r"A worker process managed by the executor was unexpectedly terminated" => "A worker process managed by the executor was unexpectedly terminated", "A worker process managed by the executor was unexpectedly terminated. This could";
    r"One of the subprocesses has abruptly died during map operation" => "One of the subprocesses has abruptly died during map operation", "One of the subprocesses has abruptly died during map operation.To debug";
    r"got signal: ([0-9]{1,2})" => "got signal: {int}", "got signal: 15";
    r"Process [0-9]{1,8} got signal: ([0-9]{1,2})" => "Process got signal: {int}", "Process 7 got signal: 15";
    // Files, networks and the Hub.
    r"([45][0-9]{2}) (?:Client|Server) Error: (Unauthorized|Forbidden|Not Found|Too Many Requests|Bad Request|Internal Server Error|Bad Gateway|Service Unavailable|Service Temporarily Unavailable|Gateway Time-out|Gateway Timeout|Conflict|Payload Too Large)" => "{int} HTTP Error: {word}", "401 Client Error: Unauthorized for url: https://x";
    r"([45][0-9]{2}) (?:Client|Server) Error" => "{int} HTTP Error", "404 Client Error. (Request ID: x)";
    r"Client error '([45][0-9]{2}) " => "{int} HTTP Error", "Client error '404 Not Found' for url 'x'";
    r"Server error '(5[0-9]{2}) " => "{int} HTTP Error", "Server error '503 Service Unavailable' for url 'x'";
    r"An error occurred \((\w{1,40})\) when calling the (\w{1,40}) operation" => "An AWS error occurred ({word}) when calling the {word} operation", "An error occurred (AccessDenied) when calling the GetObject operation: x";
    r"HTTPS?ConnectionPool\(.{0,300}?: Read timed out" => "HTTPS connection: read timed out", "HTTPSConnectionPool(host='x', port=443): Read timed out. (read timeout=10)";
    r"HTTPS?ConnectionPool\(.{0,300}?: Max retries exceeded" => "HTTPS connection: max retries exceeded", "HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url";
    r"\(MaxRetryError" => "HTTPS connection: max retries exceeded", "(MaxRetryError(\"HTTPSConnectionPool(host='x'";
    r"You are trying to access a gated repo" => "You are trying to access a gated repo.", "You are trying to access a gated repo.\nMake sure";
    r"We couldn't connect to 'https://huggingface\.co'" => "We couldn't connect to 'https://huggingface.co' to load the files", "We couldn't connect to 'https://huggingface.co' to load the files, and";
    r".{1,120} is not a local folder and is not a valid model identifier" => "not a local folder and not a valid model identifier", "x/y is not a local folder and is not a valid model identifier listed on";
    r".{1,200} does not appear to have a file named (config\.json|tokenizer\.json|tokenizer_config\.json|pytorch_model\.bin|model\.safetensors)?" => "the repository does not appear to have a file named {word}", "x/y does not appear to have a file named config.json. Checkout";
    r"Can't load tokenizer for" => "Can't load the tokenizer", "Can't load tokenizer for 'x'. If you were";
    r"Repo id must be in the form" => "Repo id must be in the form 'repo_name' or 'namespace/repo_name'", "Repo id must be in the form 'repo_name' or 'namespace/repo_name': 'x'.";
    r"Couldn't find a dataset script at" => "Couldn't find a dataset", "Couldn't find a dataset script at /x";
    r"Couldn't find any data file at" => "Couldn't find any data file", "Couldn't find any data file at /x.";
    r"Dataset '.{1,200}?' (?:doesn't exist on the Hub|is a gated dataset)" => "Dataset doesn't exist on the Hub or cannot be accessed", "Dataset 'x' doesn't exist on the Hub or cannot be accessed.";
    r"An error occurred while generating the dataset" => "An error occurred while generating the dataset", "An error occurred while generating the dataset";
    r"Unknown split" => "Unknown split", "Unknown split \"x\". Should be one of";
    r"Error while deserializing header: (\w{1,40})" => "Error while deserializing header: {word}", "Error while deserializing header: HeaderTooLarge";
    r"PytorchStreamReader failed" => "PytorchStreamReader failed", "PytorchStreamReader failed reading zip archive: failed finding central directory";
    // The language and its library.
    r"maximum recursion depth exceeded" => "maximum recursion depth exceeded", "maximum recursion depth exceeded while calling";
    r"'.' was never closed" => "a bracket was never closed", "'(' was never closed";
    r"unterminated (?:triple-quoted )?(?:f-)?string literal" => "unterminated string literal", "unterminated string literal (detected at line 1)";
    r"invalid syntax" => "invalid syntax", "invalid syntax (x.py, line 3)";
    r"unexpected EOF while parsing" => "unexpected EOF while parsing", "unexpected EOF while parsing";
    r"EOL while scanning string literal" => "EOL while scanning string literal", "EOL while scanning string literal";
    r"unexpected indent" => "unexpected indent", "unexpected indent";
    r"expected an indented block" => "expected an indented block", "expected an indented block after 'if' statement on line 3";
    r"unindent does not match any outer indentation level" => "unindent does not match any outer indentation level", "unindent does not match any outer indentation level";
    r"inconsistent use of tabs and spaces in indentation" => "inconsistent use of tabs and spaces in indentation", "inconsistent use of tabs and spaces in indentation";
    r"\(unicode error\)" => "(unicode error)", "(unicode error) 'unicodeescape' codec can't decode bytes";
    r"No module named '(axolotl|torch|transformers|deepspeed|flash_attn|bitsandbytes|accelerate|datasets|trl|peft|xformers|triton|vllm|unsloth|mamba_ssm|apex|ray|wandb|mlflow|numpy|pandas|scipy|sentencepiece|tiktoken|einops|liger_kernel|torchao|torchvision|torchaudio|optimum|auto_gptq|awq|galore_torch|schedulefree|lion_pytorch|pkg_resources|setuptools|distutils|packaging|psutil|yaml|fire|rich|click|typer)'" => "No module named '{word}'", "No module named 'flash_attn'";
    r"No module named" => "No module named …", "No module named 'x'";
    r"cannot import name '[^']{1,100}' from partially initialized module" => "cannot import a name from a partially initialized module (most likely due to a circular import)", "cannot import name 'x' from partially initialized module 'y' (most likely due to a circular import) (/z)";
    r"cannot import name '" => "cannot import a name", "cannot import name 'x' from 'y' (/z)";
    r"DLL load failed" => "DLL load failed", "DLL load failed while importing x";
    r"(libcudart|libcublas|libcudnn|libnccl|libcuda|libstdc\+\+|libc|libgomp|libcusparse|libnvJitLink)\.so[.0-9]{0,12}: cannot open shared object file" => "{word}: cannot open shared object file", "libcudart.so.11.0: cannot open shared object file: No such file or directory";
    r".{1,300}?: undefined symbol: " => "undefined symbol in a shared object", "/a/b.so: undefined symbol: _ZN3c10";
    r"list index out of range" => "list index out of range", "list index out of range";
    r"list indices must be integers or slices, not (\w{1,12})" => "list indices must be integers or slices, not {word}", "list indices must be integers or slices, not str";
    r"'(\w{1,12})' object is not (callable|iterable|subscriptable)" => "'{word}' object is not {word}", "'NoneType' object is not subscriptable";
    r"'(NoneType|str|int|float|dict|list|tuple|bool|set|bytes|function|module)' object has no attribute '" => "'{word}' object has no attribute …", "'NoneType' object has no attribute 'x'";
    r"unsupported operand type\(s\) for ([^ ]{1,20}): '(\w{1,12})' and '(\w{1,12})'" => "unsupported operand type(s) for {word}: '{word}' and '{word}'", "unsupported operand type(s) for +: 'int' and 'str'";
    r"'([<>=!]{1,2})' not supported between instances of '(\w{1,12})' and '(\w{1,12})'" => "'{word}' not supported between instances of '{word}' and '{word}'", "'<' not supported between instances of 'str' and 'int'";
    r"[\w.<>]{1,200}\(\) got an unexpected keyword argument" => "unexpected keyword argument", "f() got an unexpected keyword argument 'x'";
    r"[\w.<>]{1,200}\(\) missing ([0-9]{1,3}) required (?:positional|keyword-only) arguments?" => "missing {int} required argument(s)", "f() missing 1 required positional argument: 'x'";
    r"[\w.<>]{1,200}\(\) takes .{0,40}?positional arguments?" => "too many positional arguments", "f() takes 1 positional argument but 2 were given";
    r"division by zero" => "division by zero", "division by zero";
    r"(?:integer )?(?:float )?division by zero|(?:integer )?(?:division or )modulo by zero" => "division or modulo by zero", "integer division or modulo by zero";
    r"could not convert string to float" => "could not convert string to float", "could not convert string to float: 'x'";
    r"invalid literal for int\(\) with base ([0-9]{1,2})" => "invalid literal for int() with base {int}", "invalid literal for int() with base 10: 'x'";
    r"not enough values to unpack \(expected ([0-9]{1,4}), got ([0-9]{1,4})\)" => "not enough values to unpack (expected {int}, got {int})", "not enough values to unpack (expected 2, got 1)";
    r"too many values to unpack \(expected ([0-9]{1,4})" => "too many values to unpack (expected {int})", "too many values to unpack (expected 2)";
    r"'(utf-8|ascii|latin-1|charmap|cp1252|utf-16)' codec can't (decode|encode) (byte|bytes|character|characters)" => "'{word}' codec can't {word} {word}", "'utf-8' codec can't decode byte 0x80 in position 0";
    r"name '[^']{1,200}' is not defined" => "name is not defined", "name 'x' is not defined. Did you mean: 'y'?";
    r"cannot access local variable|local variable '[^']{1,200}' referenced before assignment" => "cannot access local variable where it is not associated with a value", "cannot access local variable 'x' where it is not associated with a value";
    r"Expecting value: line ([0-9]{1,12}) column ([0-9]{1,12})" => "Expecting value: line {int} column {int}", "Expecting value: line 1 column 1 (char 0)";
    r"(Extra data|Expecting property name enclosed in double quotes|Expecting ',' delimiter|Expecting ':' delimiter|Unterminated string starting at|Invalid control character at|Invalid \\escape): line ([0-9]{1,12}) column ([0-9]{1,12})" => "{word}: line {int} column {int}", "Extra data: line 2 column 1 (char 9)";
    r"Compressed file ended before the end-of-stream marker was reached" => "Compressed file ended before the end-of-stream marker was reached", "Compressed file ended before the end-of-stream marker was reached";
    r"cannot pickle '" => "cannot pickle an object", "cannot pickle '_thread.lock' object";
    r"Can't (?:pickle|get) (?:local object|attribute|<)" => "Can't pickle an object", "Can't pickle local object 'f.<locals>.g'";
    r"An attempt has been made to start a new process before the" => "An attempt has been made to start a new process before the current process has finished its bootstrapping phase", "An attempt has been made to start a new process before the\n current";
    r"can't start new thread" => "can't start new thread", "can't start new thread";
    r"([0-9]{1,4}) validation errors? for" => "{int} validation error(s)", "1 validation error for AxolotlInputConfig";
    r"while (?:parsing|scanning) (?:a|an|the) [a-z ]{3,30}" => "YAML: while parsing or scanning", "while parsing a block mapping";
    r"mapping values are not allowed here" => "mapping values are not allowed here", "mapping values are not allowed here";
    r".{1,120}? is not a valid [A-Za-z_]{1,40}, please select one of" => "not a valid member of an enumeration", "x is not a valid OptimizerNames, please select one of ['a']";
    r"Permission denied" => "Permission denied", "Permission denied: x";
    r"No space left on device" => "No space left on device", "No space left on device";
};
